/* search.h - finds a fast tile of an operation within a time budget.
 *
 * Coarse, then fine: beginning with a good tile (the shipped one), groups of parameters are searched in the order of
 * the operation's table, all combinations of a group, nearest to the best so far first; further rounds try the best
 * tile's neighbours, until nothing improves. A candidate must satisfy the constraints before it is built, and give
 * right results before it is timed. One that fails to build, to run or to be right is passed over. In the end the
 * winner is timed against the first tile once more, in turns, and must win by a margin: noise must not replace a tile
 * that is as good.
 *
 * The engine knows tiles by their space only, so that it is tested with made-up operations and clocks. */
#ifndef FG_SEARCH_H
#define FG_SEARCH_H

#include "space.h"
#include "status.h"

enum { FG_SEARCH_MOST_PROGRAMS = 4 };

/* What became of a candidate. */
typedef enum fg_verdict {
    FG_VERDICT_TIMED = 0,
    FG_VERDICT_FAILED = 1, /* was not built, or did not run */
    FG_VERDICT_WRONG = 2,  /* differs from the reference */
    FG_VERDICT_SKIPPED = 3 /* an earlier process did not come back from building it */
} fg_verdict;

typedef struct fg_search_step {
    const void *tile;
    unsigned program;
    fg_verdict verdict;
    double seconds, best_s; /* of a run; best_s: the least so far, this one included */
    double elapsed_s;
    uint64_t tried; /* candidates so far */
} fg_search_step;

/* What the engine needs of an operation. All calls get `user`. */
typedef struct fg_search_op {
    const fg_space *space;
    const void *problem; /* for the space's functions */
    fg_space_needs limits;
    unsigned programs; /* 1..FG_SEARCH_MOST_PROGRAMS; tuned one after the other, the most important first */
    void *user;
    /* Builds the tile's program, runs it on a small problem and compares. Whatever it returns but CANCELLED concerns
     * this candidate only. What it holds is released by the next prepare, and by a prepare with tile NULL. */
    fgmm_status (*prepare)(void *user, const void *tile, unsigned program, int *is_right);
    /* Runs what was prepared once. */
    fgmm_status (*run)(void *user, double *seconds);
    /* May be NULL, as all below. Told before a candidate is built, and with NULL when the search has come back from the
     * last one: where a compiler crashes, the next process knows which candidate it was. */
    void (*begin)(void *user, const void *tile);
    int (*is_suspect)(void *user, const void *tile);
    int (*progress)(void *user, const fg_search_step *step); /* nonzero ends the search: CANCELLED */
    double (*now_s)(void *user);
} fg_search_op;

typedef struct fg_search_result {
    unsigned char tile[FG_TILE_BYTES]; /* the winner; the first tile where nothing is faster */
    double first_s[FG_SEARCH_MOST_PROGRAMS], best_s[FG_SEARCH_MOST_PROGRAMS]; /* seconds of a run, by program */
    uint64_t tried, failed, wrong, skipped;                                   /* tried counts all */
    double elapsed_s;
    int is_complete; /* 0: the budget ended the search */
} fg_search_result;

/* first: a legal tile that is known to work, where the search begins. Errors: CANCELLED; what the operation's prepare
 * or run said of the first tile, where no other works either. */
fgmm_status fg_search_run(fg_search_result *result, const fg_search_op *op, const void *first, double budget_s);

#endif
