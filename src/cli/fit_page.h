/* fit_page.h - the report on a training as one HTML page that needs nothing else: drawings inside, no scripts. The page
 * is well-formed XML too, so that programs can take it apart. */
#ifndef CLI_FIT_PAGE_H
#define CLI_FIT_PAGE_H

#include "fit_facts.h"

/* Writes beside `path`, then renames. A CLI_DO step. */
int cli_fit_page_write(const char *path, const cli_training *training, const cli_fit_facts *facts,
                       const fgmm_model *model);

#endif
