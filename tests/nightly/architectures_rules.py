"""Relevance by a second program: the unmodified model of a library, with each operation that it calls
replaced by one whose gradient is the rule of vit/RULES.md in G form. An operation without a rule is
an error. Written from the definitions: the gamma rule term by term, attention from its products."""

import math
import re

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

GAMMA_CONV, GAMMA_ATTENTION, GAMMA_MLP = 0.25, 0.0, 0.05
CONV = re.compile(r"patch_embed|patchifier|conv1|conv_proj")
ATTENTION = re.compile(r"attn|attention|in_proj|out_proj|[qkv]_proj|output_proj")
NOT_ATTENTION = re.compile(r"mlp|ffn|fc\d")

# Linear in all that depends on the image: the true gradient is the rule.
TRUE_GRADIENTS = {
    "__getitem__", "add", "__add__", "__radd__", "__iadd__", "add_", "sub", "__sub__", "__rsub__", "rsub", "neg", "cat",
    "stack", "reshape", "view", "view_as", "transpose", "permute", "expand", "expand_as", "chunk", "split", "tensor_split",
    "unbind", "flatten", "unflatten", "squeeze", "unsqueeze", "contiguous", "clone", "to", "float", "double", "type_as",
    "mean", "sum", "dropout", "softmax", "repeat", "swapaxes", "mT", "T", "concat", "copysign", "roll", "flip", "movedim",
    "select", "narrow", "index_select", "gather", "__get__",
}


class Gamma(torch.autograd.Function):
    """A linear layer, term by term: an output z favours the contributions of its sign by 1 + gamma,
    which may differ from output to output. The bias is one of them."""

    @staticmethod
    def forward(ctx, x, weight, bias, gamma):
        ctx.save_for_backward(x, weight, bias, gamma)
        return F.linear(x, weight, bias)

    @staticmethod
    def backward(ctx, gradient):
        x, weight, bias, gamma = ctx.saved_tensors
        rows = x.reshape(-1, x.shape[-1])
        out = torch.empty_like(rows)
        for i, row in enumerate(rows):
            terms = weight * row
            shift = torch.zeros(weight.shape[0], dtype=x.dtype) if bias is None else bias
            z = terms.sum(1) + shift
            factors = 1 + gamma[:, None] * (terms * z[:, None] > 0)
            total = (terms * factors).sum(1) + shift * (1 + gamma * (shift * z > 0))
            share = torch.where(total == 0, 0.0, z * gradient.reshape(-1, z.shape[0])[i] / total)
            out[i] = (weight * factors * share[:, None]).sum(0)
        return out.reshape(x.shape), None, None, None


def half_each(product, a, b):
    """Of a product of two activations; a constant factor takes nothing."""
    if a.requires_grad and b.requires_grad:
        return 0.5 * (product(a, b.detach()) + product(a.detach(), b))
    return product(a, b)


def identity(x, value):
    """The rule of an activation: its value over its argument is a constant."""
    return x * (value / x).detach()


def normed(x, weight, bias, eps, is_centred):
    """The divisor is constant."""
    x = x - x.mean(-1, keepdim=True) if is_centred else x
    y = x * torch.rsqrt((x * x).mean(-1, keepdim=True) + eps).detach()
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def attend(q, k, v, mask, scale):
    scores = half_each(lambda a, b: a @ b.transpose(-2, -1), q, k) * scale
    scores = scores if mask is None else scores + mask
    return half_each(torch.matmul, scores.softmax(-1), v)


class Rules(TorchFunctionMode):
    def __init__(self, model):
        super().__init__()
        self.is_gelu_new = "gelu_new" in str(getattr(model, "config", ""))
        self.names = {id(parameter): name for name, parameter in model.named_parameters()}
        self.parameters = dict(model.named_parameters())

    def gamma_of(self, weight):
        name = self.names[id(weight)].removesuffix(".weight").removesuffix("_weight")
        gamma = torch.full((weight.shape[0],), GAMMA_MLP, dtype=weight.dtype)
        if CONV.search(name):
            gamma.fill_(GAMMA_CONV)
        elif ATTENTION.search(name) and not NOT_ATTENTION.search(name):
            gamma.fill_(GAMMA_ATTENTION)
        if re.search(r"blocks\.\d+\.in_proj$", name):  # a parallel block's: the MLP's rows, then q, k and v
            gamma[:-3 * weight.shape[1]] = GAMMA_MLP
        return gamma

    def linear(self, x, weight, bias=None):
        width = weight.shape[0]
        if re.search(r"blocks\.\d+\.out_proj$", self.names[id(weight)].removesuffix(".weight")):
            # A parallel block's: the attention's columns with the bias, then the MLP's.
            attention, mlp = torch.zeros(width, dtype=x.dtype), torch.full((width,), GAMMA_MLP, dtype=x.dtype)
            return (Gamma.apply(x[..., :width], weight[:, :width], bias, attention) +
                    Gamma.apply(x[..., width:], weight[:, width:], None, mlp))
        apart = self.parameters.get(self.names[id(weight)].replace("in_proj.weight", "mlp_bias"))
        if bias is None and apart is not None and apart is not weight:
            # A parallel block's, which the module adds itself: to the rule it is the layer's.
            shift = torch.cat([apart, torch.zeros(width - len(apart), dtype=x.dtype)])
            return Gamma.apply(x, weight, shift, self.gamma_of(weight)) - shift
        return Gamma.apply(x, weight, bias, self.gamma_of(weight))

    def conv2d(self, x, weight, bias=None, stride=1, padding=0, *_):
        assert tuple(stride) == weight.shape[2:] and padding in ((0, 0), "valid"), "a convolution that overlaps"
        patches = F.unfold(x, weight.shape[2:], stride=stride).transpose(1, 2)
        gamma = torch.full((weight.shape[0],), GAMMA_CONV, dtype=x.dtype)
        y = Gamma.apply(patches, weight.flatten(1), bias, gamma).transpose(1, 2)
        return y.unflatten(2, (x.shape[2] // stride[0], x.shape[3] // stride[1]))

    def layer_norm(self, x, shape, weight=None, bias=None, eps=1e-5):
        return normed(x, weight, bias, eps, True)

    def rms_norm(self, x, shape, weight=None, eps=1e-6):
        return normed(x, weight, None, eps, False)

    def rsqrt(self, x):
        return torch.rsqrt(x).detach()

    def sigmoid(self, x):
        return torch.sigmoid(x).detach()

    def pow(self, x, exponent):
        return x.detach() ** exponent  # of a norm, whose divisor is constant

    def gelu(self, x, approximate="none"):
        return identity(x, F.gelu(x, approximate=approximate))

    def silu(self, x, inplace=False):
        return identity(x, F.silu(x))

    def tanh(self, x):
        """Between the layers of a head; within transformers' gelu_new it is part of the ratio."""
        return torch.tanh(x).detach() if self.is_gelu_new else identity(x, torch.tanh(x))

    def relu(self, x, inplace=False):
        return identity(x, F.relu(x))

    def mul(self, a, b):
        if not isinstance(a, torch.Tensor) or not isinstance(b, torch.Tensor):
            return a * b
        return half_each(torch.mul, a, b)

    def div(self, a, b):
        return a / (b.detach() if isinstance(b, torch.Tensor) else b)

    def matmul(self, a, b):
        """Of two activations, or a projection stored with its inputs first."""
        if id(b) in self.names:
            return Gamma.apply(a, b.t(), None, torch.full((b.shape[1],), GAMMA_MLP, dtype=b.dtype))
        return half_each(torch.matmul, a, b)

    def scaled_dot_product_attention(self, q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, **_):
        return attend(q, k, v, attn_mask, scale if scale is not None else 1 / math.sqrt(q.shape[-1]))

    def multi_head_attention_forward(self, query, key, value, width, heads, in_weight, in_bias, bias_k, bias_v,
                                     add_zero, dropout, out_weight, out_bias, **_):
        """torch's own: (tokens, batch, width), of one picture."""
        def split(x, weight, bias):
            y = Gamma.apply(x, weight, bias, torch.zeros(width, dtype=x.dtype)) if x.requires_grad else (
                F.linear(x, weight, bias))
            return y.squeeze(1).unflatten(1, (heads, -1)).transpose(0, 1)

        q, k, v = (split(x, weight, bias) for x, weight, bias in
                   zip((query, key, value), in_weight.chunk(3), in_bias.chunk(3)))
        mixed = attend(q, k, v, None, 1 / math.sqrt(width // heads)).transpose(0, 1).flatten(1).unsqueeze(1)
        return Gamma.apply(mixed, out_weight, out_bias, torch.zeros(width, dtype=mixed.dtype)), None

    ALIASES = {"__matmul__": "matmul", "bmm": "matmul", "__mul__": "mul", "__rmul__": "mul", "multiply": "mul",
               "__truediv__": "div", "__pow__": "pow", "square": "pow", "mul_": "mul"}

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = self.ALIASES.get(func.__name__, func.__name__)
        flat = [*args, *kwargs.values()]
        flat += [item for value in flat if isinstance(value, (list, tuple)) for item in value]
        depends = any(isinstance(value, torch.Tensor) and value.requires_grad for value in flat)
        if not depends or name in TRUE_GRADIENTS:
            return func(*args, **kwargs)
        if not hasattr(type(self), name):
            looks = func(*args, **kwargs)
            if not isinstance(looks, torch.Tensor) or not looks.requires_grad:
                return looks  # a shape, a comparison
            raise NotImplementedError("no rule for " + name)
        return getattr(self, name)(*args, **kwargs)


def relevance(built, target):
    """(height, width): the relevance of an output at every pixel, summed over the channels."""
    model = built.model.requires_grad_(False)
    inputs = built.inputs.double().requires_grad_(True)
    with torch.enable_grad(), Rules(model):
        output = built.forward(model, inputs)[0, target]
    gradient, = torch.autograd.grad(output, inputs)
    return (inputs * gradient)[0].sum(0).detach().numpy()
