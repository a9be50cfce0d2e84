"""What an operator does to move over, to roll out, and to take it all back."""
