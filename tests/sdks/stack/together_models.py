"""Together's SDK reads the list of models. The base URL and the key come from the environment."""
import together

for model in together.Together().models.list():
    print(model.id, model.type.value, model.context_length, model.pricing.input)
