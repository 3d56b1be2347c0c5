"""The database: escalations, people, drafts and what is remembered; each method one transaction."""
