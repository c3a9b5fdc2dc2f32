import type { operations } from '../../generated/openapi';

type Json<Body> = Body extends { content: { 'application/json': infer Shape } } ? Shape : never;
type Name = keyof operations;

/** What an operation of the API answers under a status. */
export type AnswerOf<Of extends Name, Status extends keyof operations[Of]['responses']> = Json<
  operations[Of]['responses'][Status]
>;

/** What an operation of the API is sent. */
export type BodyOf<Of extends Name> = operations[Of] extends { requestBody: infer Body } ? Json<Body> : never;
