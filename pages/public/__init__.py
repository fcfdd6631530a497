"""Pages of visitors: what Hearth is, whether they qualify, booking, links of texts and mails."""
