"""Which of torch's kernels attention runs in."""

from contextlib import AbstractContextManager, nullcontext

from accelerate import Accelerator
from torch.nn.attention import SDPBackend, sdpa_kernel


LONGEST = 128  # tokens of a short text


def attention_kernel(accelerator: Accelerator, num_tokens: int) -> AbstractContextManager:
    """Context of a training step on texts of so many tokens.

    On a CPU the fused kernel multiplies the small matrices of short texts one by one in its
    backward pass, which in bfloat16 takes three to ten times as long as plain products do (texts of
    16 to 128 tokens, one core with AVX-512 units for it).
    """
    is_slow = accelerator.device.type == "cpu" and accelerator.mixed_precision == "bf16"
    return sdpa_kernel(SDPBackend.MATH) if is_slow and num_tokens <= LONGEST else nullcontext()
