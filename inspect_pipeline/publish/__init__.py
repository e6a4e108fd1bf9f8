"""What is told to the world outside: messages to other systems of the plant."""
