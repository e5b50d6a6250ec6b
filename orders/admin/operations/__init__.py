"""Operations as staff do them: buttons, forms, previews, several orders at once."""
