/* See neurons_page.h. The assembler copies the files: they are read and checked as what they are. */
    .section .rodata
    .globl NEURONS_PAGE_SCRIPT
    .hidden NEURONS_PAGE_SCRIPT
NEURONS_PAGE_SCRIPT:
    .incbin "neurons_page.js"
    .byte 0
    .globl NEURONS_PAGE_STYLE
    .hidden NEURONS_PAGE_STYLE
NEURONS_PAGE_STYLE:
    .incbin "neurons_page.css"
    .byte 0

    .section .note.GNU-stack, "", %progbits
