/* common/arguments.cl - declares what a kernel takes from its list: arguments/common.h.
 *
 *   __kernel void fused_accumulate(ARGUMENTS(FUSED_ARGUMENTS))
 */
#define ARGUMENTS(LIST) LIST(ARGUMENT_IN, ARGUMENT_OUT, ARGUMENT_VALUE, ARGUMENT_NEXT)
#define ARGUMENT_IN(type, name)    __global const type *name
#define ARGUMENT_OUT(type, name)   __global type *name
#define ARGUMENT_VALUE(type, name) type name
#define ARGUMENT_NEXT()            ,
