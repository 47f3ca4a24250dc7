"""Which files are pictures, videos and depth maps, by the ends of their names."""

# What OpenCV reads faster than FFmpeg and as rightly.
OPENCV_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
BLENDER_IMAGE_SUFFIXES = (*OPENCV_SUFFIXES, ".dpx", ".exr", ".hdr", ".j2c", ".jp2", ".tga")
IMAGE_SUFFIXES = tuple(
    sorted({*BLENDER_IMAGE_SUFFIXES, ".avif", ".heic", ".heif", ".j2k", ".pam", ".pbm", ".pgm", ".pnm", ".ppm"})
)
VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm")
"""What file dialogs offer. Others are tried too: the content decides, not the name."""


DEPTH_SUFFIXES = (".npy", ".npz", ".exr", ".png", ".pgm")
BLENDER_DEPTH_SUFFIXES = (".npy", ".npz", ".exr", ".png")
