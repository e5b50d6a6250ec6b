"""What stands where a customer's id stood, once they are erased."""

from typing import Final

ERASED: Final = "erased"
# In the place of words that may have told of them.
ERASED_WORDS: Final = "Erased."
