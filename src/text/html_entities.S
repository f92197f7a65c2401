/* The names of html_entity.c, from data/html_entities.tsv (data/make_entities.py). */
    .section .rodata
    .global html_entities
    .hidden html_entities
    .global html_entities_end
    .hidden html_entities_end
html_entities:
    .incbin "html_entities.tsv"
html_entities_end:
    .byte 0
#if defined(__linux__) && defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif
