/* check_main.c - the program flashgmm-check, which the library starts to try kernels on a device for the first time: a
 * driver that crashes ends this process and not the application's. Not for people: it has no help. */
#include "flashgmm/device.h"

int main(int argc, char **argv)
{
    return fgmm_check_main(argc, argv);
}
