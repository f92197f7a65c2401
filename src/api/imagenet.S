/* The 1000 classes of ImageNet-1k as a table "index, WordNet id, name". Copied by the assembler: no
 * generated C array. */
    .section .rodata
    .globl imagenet_classes
    .hidden imagenet_classes
imagenet_classes:
    .incbin "imagenet_classes.tsv"
imagenet_classes_end:
    .balign 8
    .globl imagenet_classes_size
    .hidden imagenet_classes_size
imagenet_classes_size:
    .8byte imagenet_classes_end - imagenet_classes
#if defined(__linux__) && defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif
