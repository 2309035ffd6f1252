/** What nodes have said about slivers that their people should know, so that nobody is told twice. */
export interface SliverNoticeTable {
  sliver_id: string;
  /** By the node's clock. */
  at: Date;
  code: string;
  message: string;
  /** When it came here. */
  told_at: Date;
  /** Whether a mail was queued for it. */
  mailed: boolean;
}

export interface NoticesSchema {
  sliver_notices: SliverNoticeTable;
}
