/* arguments/common.h - what a kernel takes, written once for both sides. A list names the arguments in order:
 *
 *   IN(type, name)     an array that the kernel reads
 *   OUT(type, name)    an array that it writes, and may read
 *   VALUE(type, name)  a number
 *   NEXT()             stands between two arguments
 *
 * A kernel is declared with its list (common/arguments.cl), and the host makes a struct with these members from it
 * (src/device/launch.h). Kernels with more than eight arguments have a list. A list may contain lists; those that are
 * part of several are here.
 */
#define ROW_ARGUMENTS(IN, OUT, VALUE, NEXT) IN(row_t, rows) NEXT() VALUE(ulong, first_element)

/* Weights of the rows. Where there are none, has_weights is 0 and some other array stands for them. */
#define WEIGHT_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    IN(float, weights) NEXT() VALUE(ulong, first_weight) NEXT() VALUE(uint, has_weights)

/* Components packed for the log-density. */
#define PACKED_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    IN(float, packed) NEXT() IN(float, scale) NEXT() IN(float, offset) NEXT() IN(uint, is_exact)

/* Rows first_row .. n - 1 of a batch; on GPUs as many of them as the launch has. */
#define PART_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    ROW_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() VALUE(uint, first_row) NEXT() VALUE(uint, n)

/* Nonzeros by component, in segments. */
#define SEGMENT_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    IN(uint, segment_first) NEXT() IN(uint, segment_end) NEXT() \
    IN(uint, transposed_rows) NEXT() IN(float, transposed_values)
