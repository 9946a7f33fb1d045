"""SmoothQuant (Xiao et al. 2023): move outlier channels of an activation into the weights that read it.

A few channels of BERT's feed-forward inputs are ten times larger than the rest, and one scale
for the whole tensor then leaves the rest few of the 256 steps. Dividing each channel by a
constant and multiplying the weight column by it changes nothing in fp32 and costs one product
per activation. `strength` 0 leaves everything to the weights' scales, 1 to the activations'.
"""

import torch
from torch import nn

PARTS = ("up", "down")


class Smoothed(nn.Module):
    """A linear layer that divides its input by `scale`, channel by channel, and undoes it in its weights."""

    def __init__(self, linear, scale):
        super().__init__()
        self.linear = linear
        self.register_buffer("inverse", 1 / scale)
        with torch.no_grad():
            linear.weight *= scale

    def forward(self, x):
        return self.linear(x * self.inverse)


def peaks(classifier, batches):
    """{linear layer: largest |input| per channel} over batches of (ids, mask); padding does not count."""
    found, hooks, mask = {}, [], None

    def watch(module, inputs):
        x = inputs[0]
        if x.shape[1] == mask.shape[1]:
            x = x[mask.bool()]
        high = x.reshape(-1, x.shape[-1]).abs().amax(0)
        found[module] = torch.maximum(found[module], high) if module in found else high

    for layer in classifier.layers:
        hooks += [getattr(layer, part).register_forward_pre_hook(watch) for part in PARTS]
    with torch.no_grad():
        for ids, mask in batches:
            classifier(ids, mask)
    for hook in hooks:
        hook.remove()
    return found


def smooth(classifier, batches, strength=0.5):
    """Change the classifier in place; its fp32 answers stay the same up to rounding."""
    high = peaks(classifier, batches)
    for layer in classifier.layers:
        for part in PARTS:
            linear = getattr(layer, part)
            weight = linear.weight.detach().abs().amax(0)
            scale = high[linear].clamp(min=1e-3) ** strength / weight.clamp(min=1e-3) ** (1 - strength)
            setattr(layer, part, Smoothed(linear, scale))
    return classifier
