/* flashgmm/ivf.h - inverted lists (IVF): nearest-neighbour search in the few lists that a query's neighbours lie in.
 *
 *     fgmm_kmeans(&quantizer, device, source, ...);            a coarse quantizer; or of fgmm_fit, fgmm_model_load
 *     fgmm_index_build(device, source, "base.ivf", &options, &info);        streams the rows into posting lists
 *     fgmm_index_open(&index, "base.ivf");
 *     fgmm_searcher_open(&searcher, index, device, NULL);                   brings the lists to the device
 *     fgmm_searcher_search(searcher, queries, FGMM_U8, n, &search_options, ids, distances, NULL);
 *
 * An index is a file (docs/formats.md): the quantizer's centroids, one list of rows per component, rows stored in the
 * type they came in, 64-bit ids, and what the probing rule needs. Distances are squared Euclidean. docs/ivf.md says
 * what was measured, and why the defaults are what they are.
 *
 * Threads: an open fgmm_index is immutable and may be shared by any number of threads; each thread that searches has
 * its own fgmm_device and its own fgmm_searcher on it, also where searchers read lists from the file as they search. A
 * device or a searcher serves one thread at a time. Updates replace the file as a whole: handles that are open keep
 * reading what they opened; of two updates of one file at once, the one that ends later wins.
 */
#ifndef FLASHGMM_IVF_H
#define FLASHGMM_IVF_H

#include "flashgmm/data.h"
#include "flashgmm/device.h"
#include "flashgmm/fit.h"
#include "flashgmm/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fgmm_index fgmm_index;
typedef struct fgmm_searcher fgmm_searcher;

/* Which lists a row goes to. */
typedef enum fgmm_assignment {
    FGMM_ASSIGN_HARD = 0,    /* the list of the most probable component (k-means: the nearest centroid) */
    FGMM_ASSIGN_SOFT = 1,    /* every component with responsibility > tau, the most probable one always */
    FGMM_ASSIGN_RESIDUAL = 2 /* the nearest centroid c1, and for some rows a second one that minimises |r2|^2 +
                                (r1.r2)^2 / |r1|^2 (r = x - c): one that errs in another direction than the first */
} fgmm_assignment;

typedef enum fgmm_index_format {
    FGMM_INDEX_NATIVE = 0,
    FGMM_INDEX_FAISS = 1 /* an IndexIVFFlat (float32) that faiss.read_index opens; it holds no probing rule */
} fgmm_index_format;

enum { FGMM_TOP_MAX = 1024, FGMM_LISTS_PER_ROW_MAX = 64 }; /* most results of a query; most lists of a row */

typedef struct fgmm_index_options {
    size_t size;
    const fgmm_model *quantizer; /* required; borrowed for the call: a mixture, or centroids as from fgmm_kmeans */
    fgmm_assignment assignment;  /* default residual */
    uint32_t max_lists;          /* soft: most lists of a row; default 8 */
    double tau;                  /* soft: threshold; 0 (default): 1/K, unless copies_per_row is given */
    double copies_per_row;       /* entries per row aimed at. residual: 1..2, 0: 1.5; soft: chooses tau, 0: tau does */
    uint32_t for_top;            /* results per query that the dial is made for; default 10, at most FGMM_TOP_MAX; 0: no
                                    dial, the index then knows no recall */
    fgmm_source *calibration;    /* NULL: held-out rows stand for queries; else queries of the user's own, which set the
                                    dial more truly. Borrowed for the call */
    fgmm_index_format format;
    uint64_t seed; /* of the rows that the dial is fitted on */
    uint64_t batch_rows;
    uint64_t memory_limit_bytes; /* as in fgmm_fit_options */
    fgmm_progress_fn progress;   /* phase FINAL: iteration 1 assigns, 2 writes, 3 makes the dial */
    void *progress_user;
} fgmm_index_options;

static inline fgmm_index_options fgmm_index_options_init(void)
{
    fgmm_index_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.assignment = FGMM_ASSIGN_RESIDUAL;
    options.max_lists = 8;
    options.for_top = 10;
    return options;
}

/* What an index holds. */
typedef struct fgmm_index_info {
    size_t size;
    uint64_t rows;    /* different ids */
    uint64_t entries; /* of all lists; entries / rows: copies per row */
    uint64_t lists;   /* K */
    uint64_t dims;
    uint64_t next_id; /* what the next added row gets: one more than the highest id so far */
    uint64_t dead;    /* entries that were removed and still take room in the file */
    fgmm_type type;
    fgmm_assignment assignment;
    fgmm_index_format format;
    uint32_t max_lists; /* of a row */
    double tau;         /* soft: r > tau; residual: the greatest cost / |r1|^2 that is replicated */
    uint32_t for_top;   /* the dial's results per query; 0: no dial */
    int is_calibrated_on_queries;
    double least_recall, most_recall; /* what the dial reaches */
    double imbalance;                 /* K sum n_i^2 / (sum n_i)^2; 1: all lists equally long */
} fgmm_index_info;

static inline fgmm_index_info fgmm_index_info_init(void)
{
    fgmm_index_info info;
    memset(&info, 0, sizeof info);
    info.size = sizeof info;
    return info;
}

/* Streams the source twice (assign, write) into a new index at path, which is replaced whole or not at all. Memory is
 * bounded whatever N is, but for 8 bytes per entry, the ids, while the new index is open: to fill in info, and to make
 * the dial (for_top > 0) by searching it; where its lists do not fit the limit, the file is read some four times for
 * that. Row i gets id i. info (may be NULL) receives what was built. Rows must be u8, i8, f16 or f32; f64 rows are
 * stored as f32. Errors: ARGUMENT, DATA (D differs, NaN, no rows), IO (disk full: the old file stays), DEVICE, MEMORY,
 * CANCELLED. */
FGMM_API fgmm_status fgmm_index_build(fgmm_device *device, fgmm_source *source, const char *path,
                                      const fgmm_index_options *options, fgmm_index_info *info);

/* Opens an index file, native or a Faiss IndexIVFFlat (L2), and checks everything that memory safety or results rest
 * on. Holds centroids, ids and list bounds in memory; rows stay in the file. Errors: IO, FORMAT (which part, the value,
 * the range), UNSUPPORTED (another kind of Faiss index). */
FGMM_API fgmm_status fgmm_index_open(fgmm_index **index, const char *path);
FGMM_API void fgmm_index_close(fgmm_index *index);

FGMM_API fgmm_status fgmm_index_describe(const fgmm_index *index, fgmm_index_info *info);
FGMM_API uint64_t fgmm_index_list_length(const fgmm_index *index, uint64_t list); /* 0 beyond the last */
FGMM_API const float *
fgmm_index_centroids(const fgmm_index *index); /* (K,D), borrowed; float32 also where rows are float64 */
FGMM_API const int64_t *fgmm_index_list_ids(const fgmm_index *index, uint64_t list); /* (length), borrowed */

/* Each reads the index at path and replaces it, written beside and renamed. Added rows get ids from next_id on, in
 * order, and are assigned as the index was built; they must be of the index's type, or, where that is f32, of any. An
 * id to remove that is given twice counts once; ids that are not in the index are counted in *missing (may be NULL), no
 * error. Removed entries keep their room until compaction. The dial stays what it was: after many changes build anew.
 * limits: batch_rows, memory_limit_bytes and progress count; may be NULL. */
FGMM_API fgmm_status fgmm_index_add(fgmm_device *device, const char *path, fgmm_source *source,
                                    const fgmm_index_options *limits);
FGMM_API fgmm_status fgmm_index_remove(const char *path, const int64_t *ids, uint64_t count, uint64_t *missing);
FGMM_API fgmm_status fgmm_index_compact(const char *path);

/* Writes the index as another file, in either format. Native to Faiss: rows become float32, the dial is lost. */
FGMM_API fgmm_status fgmm_index_save(const fgmm_index *index, const char *path, fgmm_index_format format);

/* ---- search ---- */

typedef struct fgmm_searcher_options {
    size_t size;
    uint64_t memory_limit_bytes; /* of the process, on a CPU device; 0: only the device's own limit holds */
} fgmm_searcher_options;

static inline fgmm_searcher_options fgmm_searcher_options_init(void)
{
    fgmm_searcher_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    return options;
}

/* Brings the lists to the device. Where they do not fit, each search brings those that it wants there, a part after the
 * other, from the file: much slower, and best with many queries to a call. Borrows index and device until closed.
 * options may be NULL. Errors: ARGUMENT, IO, MEMORY (not even the centroids fit). */
FGMM_API fgmm_status fgmm_searcher_open(fgmm_searcher **searcher, const fgmm_index *index, fgmm_device *device,
                                        const fgmm_searcher_options *options);
FGMM_API void fgmm_searcher_close(fgmm_searcher *searcher);

typedef struct fgmm_search_options {
    size_t size;
    uint32_t top;     /* results per query, 1..FGMM_TOP_MAX; default 10 */
    uint64_t nprobe;  /* lists per query, nearest centroids first, at most K; 0 (default): by recall */
    double recall;    /* nprobe 0: the dial, mean recall@for_top aimed at, default .95; top must be for_top. What lies
                         above the dial's most_recall becomes that, below least_recall that. Queries farther from the
                         lists than those that the dial was made with are not left to it: where a call (of
                         more than 2^22 numbers: a part of it) has up to 128, they look into every list, and where it
                         has more, into as many as 128 of them need for the recall. stats->away counts them */
    int count_unique; /* count ids met twice once, in stats (host work, for evaluations) */
} fgmm_search_options;

static inline fgmm_search_options fgmm_search_options_init(void)
{
    fgmm_search_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.top = 10;
    options.recall = 0.95;
    return options;
}

/* Sums over the queries of a call. */
typedef struct fgmm_search_stats {
    size_t size;
    uint64_t queries;
    uint64_t coarse;  /* distances to centroids: queries times K; 0 where all lists are probed */
    uint64_t probed;  /* lists scanned */
    uint64_t scanned; /* entries of these lists, copies of a row counted each time */
    uint64_t unique;  /* the same with each id once per query; 0 unless count_unique */
    uint64_t away;    /* queries by recall that are unlike those that the dial was made with */
} fgmm_search_stats;

static inline fgmm_search_stats fgmm_search_stats_init(void)
{
    fgmm_search_stats stats;
    memset(&stats, 0, sizeof stats);
    stats.size = sizeof stats;
    return stats;
}

/* Finds the nearest rows of n queries, (n,D) dense, in any of the types u8 i8 f16 f32 f64. ids (n,top): nearest first,
 * equal distances by the lower id, no id twice; -1 where fewer rows were met. distances (n,top), may be NULL: squared;
 * infinity where the id is -1. Queries of the rows' own integer type give exact results; with every list probed these
 * are those of an exhaustive search, for float rows up to the rounding of equal distances. An empty index gives -1
 * everywhere. Work is grouped by list over all queries of the call. Blocks. stats may be NULL.
 * Errors: ARGUMENT (top, nprobe > K, recall outside (0,1], no dial, top != for_top), DATA (NaN or infinity), DEVICE. */
FGMM_API fgmm_status fgmm_searcher_search(fgmm_searcher *searcher, const fgmm_rows *queries,
                                          const fgmm_search_options *options, int64_t *ids, float *distances,
                                          fgmm_search_stats *stats);

/* Reads whole numbers, ids or ground truth: .ivecs; .ibin (also with distances behind, as big-ann-benchmarks writes
 * ground truth); .npy of integers, 1-D or 2-D; or any other format of data whose values are whole numbers, of .hdf5 the
 * dataset "neighbors". *ids (rows,cols) is malloc'ed: release it with free(). Errors: IO, FORMAT, DATA (a number that
 * is no int64 or not whole), MEMORY. */
FGMM_API fgmm_status fgmm_ids_read(int64_t **ids, uint64_t *rows, uint64_t *cols, const char *path);

/* "hard", "soft", "residual". */
FGMM_API const char *fgmm_assignment_name(fgmm_assignment assignment);

#ifdef __cplusplus
}
#endif
#endif
