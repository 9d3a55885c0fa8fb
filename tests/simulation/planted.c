/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mutant.h"

enum mutant mutant; /* the one that is alive; see base/mutant.h */
bool mutant_asked[MUTANT_COUNT];
