/* amx.c - may this process use AMX's tile registers? Asks the processor and, once, the operating system; the kernels
 * that use them are in cl/matrix/amx.h. Elsewhere than on Linux x86-64 the answer is no. */
#define _GNU_SOURCE /* syscall */
#include "handle.h"

#if defined(__linux__) && defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Bits of CPUID leaf 7, register edx, and of the extended control register 0. */
enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, OSXSAVE = 1 << 27, TILE_STATE = 3 << 17 };
/* arch_prctl: asks for the registers' room in the process's signal frames and thread states. */
enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

static int has_instructions(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & OSXSAVE)) return 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & AMX_BF16) || !(d & AMX_TILE)) return 0;
    __asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0)); /* which registers the operating system saves */
    return (a & TILE_STATE) == TILE_STATE;
}

int fg_amx_is_allowed(void)
{
    return has_instructions() && syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}
#else
int fg_amx_is_allowed(void)
{
    return 0;
}
#endif
