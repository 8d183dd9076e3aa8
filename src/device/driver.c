/* driver.c - what the process as a whole must know of OpenCL drivers: which process has called them, who may do so for
 * the first time, and with which floating-point environment they begin.
 *
 * Drivers set themselves up at their first call, and not all do so safely from several threads (PoCL 3.1 crashes): all
 * listing and opening goes through one lock. They do not survive fork() either, whether a device was open then or not:
 * a child's calls wait for threads that it does not have. So the process that called a driver first is remembered, and
 * in its children every call is refused before it reaches the driver.
 */
#include "handle.h"

#include "thread.h"

#include <stdatomic.h>

/* The process that has called a driver; 0: none yet. */
static _Atomic long caller;

fgmm_status fg_driver_enter(fg_driver_visit *visit)
{
    fgmm_status status = FGMM_OK;
    /* before the lock, which another thread may have held while the process was forked */
    const long process = fg_process_claim(&caller);
    FG_CHECK(process == fg_process_id(), FGMM_DEVICE,
             "OpenCL: process %ld has listed or opened devices and then forked process %ld; drivers do not work in the "
             "child, fork before the first of these calls or start a program of its own (exec)",
             process, fg_process_id());
    fg_driver_lock();
    fg_driver_calm(visit);
done:
    return status;
}

void fg_driver_leave(const fg_driver_visit *visit)
{
    fg_driver_restore(visit);
    fg_driver_unlock();
}

void fg_driver_calm(fg_driver_visit *visit)
{
    feholdexcept(&visit->environment);
    visit->began_s = fg_now_s();
}

double fg_driver_visit_s(const fg_driver_visit *visit)
{
    return fg_now_s() - visit->began_s;
}

void fg_driver_restore(const fg_driver_visit *visit)
{
    fesetenv(&visit->environment);
}
