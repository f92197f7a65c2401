/* See builtin.h. The assembler copies the file: no generated C array, no compile time. */
    .section .rodata
    .balign 64
    .globl builtin_model
    .hidden builtin_model
builtin_model:
    .incbin "vit-tiny-patch4-64.safetensors"
builtin_model_end:
    .balign 8
    .globl builtin_model_size
    .hidden builtin_model_size
builtin_model_size:
    .8byte builtin_model_end - builtin_model

    .section .note.GNU-stack, "", %progbits
