"""What ends a run from outside, as one clear message."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from safetensors import SafetensorError


GO_ON = "What was saved is whole: the same command with --resume_from_checkpoint goes on with a training."


@contextmanager
def one_clear_message() -> Iterator[None]:
    """Turn Ctrl-C, and what full disks and unreadable files do, into `SystemExit` without a
    traceback.
    """
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write(f"\ninterrupted. {GO_ON}\n")
        raise SystemExit(130) from None
    except (OSError, SafetensorError) as error:
        raise SystemExit(f"error: {error}\n{GO_ON}") from error
    except RuntimeError as error:
        if "inline_container" not in str(
            error
        ):  # torch.save's word for a file that it could not write
            raise
        raise SystemExit(
            f"error: A file could not be written; is the disk full? ({error})\n{GO_ON}"
        ) from error
