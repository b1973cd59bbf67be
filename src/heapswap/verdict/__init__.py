"""Pure rules over evidence: from a trial to adopt, keep, inconclusive or unsafe. No file, clock or process here."""
