"""What lists can be asked: parameters, filters, pages."""
