"""What a request must satisfy before anything is stored."""
