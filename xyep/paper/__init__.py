"""The paper: studies, findings, figures and the reports that word them."""
