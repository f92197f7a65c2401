/* See image_page.h. The assembler copies the files: they are read and checked as what they are. */
    .section .rodata
    .globl IMAGE_PAGE_SCRIPT
    .hidden IMAGE_PAGE_SCRIPT
IMAGE_PAGE_SCRIPT:
    .incbin "image_page.js"
    .byte 0
    .globl IMAGE_PAGE_STYLE
    .hidden IMAGE_PAGE_STYLE
IMAGE_PAGE_STYLE:
    .incbin "image_page.css"
    .byte 0

    .section .note.GNU-stack, "", %progbits
