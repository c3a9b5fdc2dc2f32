export interface GrantDraft {
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
}
