"""The choices of the settings as Blender shows them: (name, label, tooltip) and perhaps (icon, number)."""

METHODS = (
    (
        "closed-loop",
        "Closed Loop",
        "Measure the depth again at every realised camera: the Parallax Number is met exactly",
    ),
    ("felt", "Felt", "Match the image motion itself, measured at every realised camera"),
    ("static", "Static", "Use the depth seen by the first camera alone"),
    ("global", "Global", "One gain for the whole path, which keeps its shape"),
    ("global-norm", "Global Norm", "One gain, from the largest displacement of the path"),
    ("metric", "Metric", "Replay the path at its true size; both sides must know their metres"),
    ("raw", "Raw", "No calibration: replay the reference in its own units"),
)
LENSES = (
    ("keep", "Keep", "Keep the target camera's lens"),
    ("copy", "Copy", "Copy the reference's field of view, zooms included"),
    ("compensate", "Compensate", "Keep the lens, and make up in speed for the different field of view"),
)
RETIMINGS = (
    ("NONE", "As It Is", "The move keeps the reference's timing"),
    ("keep-path", "Keep Path", "The same path over another number of frames"),
    ("keep-felt-speed", "Keep Felt Speed", "As fast as it was for longer: an orbit turns further"),
    ("even", "Even", "Every frame moves by the same felt step"),
)
TIMINGS = (
    ("SECONDS", "Match Seconds", "The move lasts as long as the reference, whatever the frame rates"),
    ("FRAMES", "Match Frames", "Every frame of the reference becomes one frame of the scene"),
)
STATISTICS = (
    ("FRAME", "Whole Frame", "Median depth of the whole frame, on both sides"),
    ("OBJECTS", "Subject", "Median depth of chosen objects, and of a box in the reference's first frame"),
    ("FOCUS", "Focus", "Focus object or focus distance of the target camera and of the reference camera"),
    ("SURFACE", "Surface", "A surface and a point of the reference, both clicked in the viewport"),
)
STARTS = (
    ("CAMERA", "Scene Camera", "Start at the scene camera, with its lens", "CAMERA_DATA", 0),
    ("VIEWPORT", "Viewport", "Start at the view of the 3D viewport", "VIEW3D", 1),
)
PICTURES = (
    ("RENDER", "Render", "Render the first frame", "RENDER_STILL", 0),
    ("VIEWPORT", "Viewport", "Take what the 3D viewport shows through the camera", "VIEW3D", 1),
    ("FILE", "File", "Take a picture file that shows the first frame", "FILE_IMAGE", 2),
)
DEPTH_SOURCES = (
    ("MODEL", "Model", "A depth model estimates it, on the backend", "SHADERFX", 0),
    ("FILE", "File", "A depth map from a file: EXR, 16-bit PNG, .npy or .npz", "FILE_IMAGE", 1),
    ("CONSTANT", "None", "No map: the photo is a wall at a stated distance", "MESH_PLANE", 2),
)
ROLES = (
    ("NONE", "None", ""),
    ("REFERENCE", "Reference Camera", ""),
    ("ANCHOR", "Anchor", ""),
    ("CAMERA", "Calibrated Camera", ""),
)
