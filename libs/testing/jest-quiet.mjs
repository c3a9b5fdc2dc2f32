/** What services log while specs provoke them is noise; what fails says why itself. */
import { Logger } from '@nestjs/common';

Logger.overrideLogger(false);
