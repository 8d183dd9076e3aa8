/* draws.c - the least keys, in a binary heap. Equal keys: the lower row. */
#include "draws.h"

#include "size.h"

#include <stdlib.h>

fgmm_status fg_draws_create(fg_draws *draws, uint64_t capacity)
{
    *draws = (fg_draws){.capacity = capacity};
    return FG_ALLOC(&draws->heap, capacity, "drawn rows");
}

void fg_draws_clear(fg_draws *draws)
{
    free(draws->heap);
    *draws = (fg_draws){0};
}

static int is_before(const fg_draw *a, const fg_draw *b)
{
    return a->key < b->key || (a->key == b->key && a->row < b->row);
}

static void swap(fg_draw *a, fg_draw *b)
{
    const fg_draw swapped = *a;
    *a = *b;
    *b = swapped;
}

static void sift_down(fg_draw *heap, uint64_t count, uint64_t at)
{
    for (uint64_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && is_before(&heap[child], &heap[child + 1])) child++;
        if (!is_before(&heap[at], &heap[child])) return;
        swap(&heap[at], &heap[child]);
    }
}

static void sift_up(fg_draw *heap, uint64_t at)
{
    for (uint64_t parent; at > 0 && is_before(&heap[parent = (at - 1) / 2], &heap[at]); at = parent)
        swap(&heap[at], &heap[parent]);
}

int fg_draws_offer(fg_draws *draws, double key, uint64_t row, size_t *index)
{
    fg_draw draw = {key, row, (size_t)draws->count};
    if (draws->count < draws->capacity) {
        draws->heap[draws->count] = draw;
        sift_up(draws->heap, draws->count++);
    } else if (is_before(&draw, &draws->heap[0])) {
        draw.index = draws->heap[0].index;
        draws->heap[0] = draw;
        sift_down(draws->heap, draws->count, 0);
    } else {
        return 0;
    }
    *index = draw.index;
    return 1;
}
