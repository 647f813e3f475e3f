"""What people and programs see: results as text, JSON and JUnit. Takes values, returns text."""
