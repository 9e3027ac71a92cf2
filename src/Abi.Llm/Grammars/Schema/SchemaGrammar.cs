using System.Text.Json;

namespace Abi.Llm.Grammars.Schema;

internal static class SchemaGrammar
{
    public static GrammarRules Make(JsonElement schema, JsonSchemaOptions options) => throw new GrammarException("todo");
}
