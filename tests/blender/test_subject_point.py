import bpy
import numpy as np

from parascale.blender.subject_point import subject_point


def test_the_middle_of_what_is_seen_follows_an_animated_object(scene):
    mesh = bpy.data.meshes.new("Post")
    mesh.from_pydata([(0, 0, 0), (2, 0, 0), (2, 2, 6), (0, 2, 6)], [], [(0, 1, 2, 3)])
    post = bpy.data.objects.new("Post", mesh)
    scene.collection.objects.link(post)
    for frame, x in ((1, 10.0), (11, 20.0)):
        post.location.x = x
        post.keyframe_insert("location", frame=frame)
    for frame, x in ((1, 11), (11, 21)):
        scene.frame_set(frame)
        np.testing.assert_allclose(subject_point(scene, post), [x, 1, 3], atol=1e-5)


def test_what_has_no_faces_is_its_origin(scene):
    mark = bpy.data.objects.new("Mark", None)
    mark.location = (3, 2, -7)
    scene.collection.objects.link(mark)
    bpy.context.view_layer.update()
    np.testing.assert_allclose(subject_point(scene, mark), [3, 2, -7], atol=1e-6)
