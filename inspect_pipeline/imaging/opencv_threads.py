"""Who runs OpenCV in threads of his own wants no more threads from OpenCV."""

import cv2


def one_thread_a_caller() -> None:
    """Let each OpenCV call of this process run on its caller's thread alone.

    The workers of an ingest are as many as there are cores; OpenCV's own pool beside them only makes them wait.
    """
    cv2.setNumThreads(1)
