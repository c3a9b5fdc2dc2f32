import { type Bus } from '@portcullis/bus';
import { type AuthenticatedCaller, Identity } from '@portcullis/contracts';
import { type Reader } from './event.store.js';

/** Who sees which events. */
export class Readers {
  private firstOrganization: Promise<string> | undefined;

  constructor(private readonly bus: Bus) {}

  /** What is nobody's is the installation's, and that is the first organization's. It never changes, so it is asked once. */
  async of({ principal }: AuthenticatedCaller): Promise<Reader> {
    this.firstOrganization ??= this.bus
      .call(Identity.installation, {})
      .then((installation) => installation.first_organization_id)
      .catch((error: unknown) => {
        this.firstOrganization = undefined;
        throw error;
      });
    const organizationId = principal.organization_id;
    return { organizationId, installation: (await this.firstOrganization) === organizationId };
  }
}
