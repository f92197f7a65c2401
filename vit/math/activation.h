/* Activations z * Phi(z): the forms of GELU, and SiLU, whose Phi is the sigmoid. Then what only
 * heads of two layers have between them. */
#ifndef VIT_ACTIVATION_H
#define VIT_ACTIVATION_H

enum vit_activation { VIT_GELU_ERF, VIT_GELU_TANH, VIT_GELU_QUICK, VIT_SILU, VIT_TANH, VIT_RELU };

#endif
