/* See gallery.h. The assembler copies the files: they are read and checked as what they are. */
    .section .rodata
    .globl GALLERY_SCRIPT
    .hidden GALLERY_SCRIPT
GALLERY_SCRIPT:
    .incbin "gallery.js"
    .byte 0
    .globl GALLERY_STYLE
    .hidden GALLERY_STYLE
GALLERY_STYLE:
    .incbin "gallery.css"
    .byte 0

    .section .note.GNU-stack, "", %progbits
