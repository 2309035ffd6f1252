/** A principal as people read it: a person by the mail address alone. */
export const whoOf = (principal: string): string => principal.replace(/^person:/, '');
