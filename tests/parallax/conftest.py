from traced_scenes import anchor, film, imagined, moving, orbit, path, room, straight, traced

__all__ = ["anchor", "film", "imagined", "moving", "orbit", "path", "room", "straight", "traced"]
