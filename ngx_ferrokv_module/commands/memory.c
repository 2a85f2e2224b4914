#include "commands/memory.h"

#include <string.h>

#define PIECE_BYTES  4096
#define ALIGN        16

struct fkv__piece_s {
    fkv__piece_t  *older;
    uint8_t       *end;
    _Alignas(ALIGN) uint8_t  bytes[];
};


static void
pieces_free(fkv__piece_t *piece)
{
    while (piece != NULL) {
        fkv__piece_t  *older = piece->older;

        fkv__free(piece);
        piece = older;
    }
}


static fkv__piece_t *
piece_add(fkv__memory_t *memory, size_t size)
{
    size_t         bytes = fkv__max(size, PIECE_BYTES - sizeof(fkv__piece_t));
    fkv__piece_t  *piece = fkv__alloc(sizeof(fkv__piece_t) + bytes);

    if (piece == NULL) {
        return NULL;
    }

    piece->older = memory->pieces;
    piece->end = piece->bytes + bytes;
    memory->pieces = piece;
    memory->at = piece->bytes;
    memory->end = piece->end;

    return piece;
}


void *
fkv__memory_alloc(fkv__memory_t *memory, size_t size)
{
    void  *p;

    if (size > SIZE_MAX / 2) {
        return NULL;
    }

    /* Nothing, too, has a place. */
    size = fkv__align(fkv__max(size, (size_t) 1), ALIGN);

    if ((size_t) (memory->end - memory->at) < size
        && piece_add(memory, size) == NULL)
    {
        return NULL;
    }

    p = memory->at;
    memory->at += size;

    return p;
}


int
fkv__memory_copy(fkv__memory_t *memory, fkv_str_t *str)
{
    uint8_t  *copy = fkv__memory_alloc(memory, str->len);

    if (copy == NULL) {
        return FKV_ENOMEM;
    }

    if (str->len > 0) {
        memcpy(copy, str->data, str->len);
    }

    str->data = copy;

    return FKV_OK;
}


bool
fkv__memory_has(const fkv__memory_t *memory, const uint8_t *p)
{
    for (fkv__piece_t *piece = memory->pieces; piece != NULL;
         piece = piece->older)
    {
        if (p >= piece->bytes && p < piece->end) {
            return true;
        }
    }

    return false;
}


void
fkv__memory_move(fkv__memory_t *to, fkv__memory_t *from)
{
    fkv__piece_t  *last = from->pieces;

    if (to->pieces == NULL) {
        *to = *from;

    } else if (last != NULL) {

        while (last->older != NULL) {
            last = last->older;
        }

        last->older = to->pieces->older;
        to->pieces->older = from->pieces;   /* the newest still has room */
    }

    memset(from, 0, sizeof(*from));
}


void
fkv__memory_reset(fkv__memory_t *memory)
{
    fkv__piece_t  *first = memory->pieces;

    if (first == NULL) {
        return;
    }

    if (first->older != NULL
        || (size_t) (first->end - first->bytes) > PIECE_BYTES)
    {
        fkv__memory_done(memory);
        return;
    }

    memory->at = first->bytes;
}


void
fkv__memory_done(fkv__memory_t *memory)
{
    pieces_free(memory->pieces);
    memset(memory, 0, sizeof(*memory));
}
