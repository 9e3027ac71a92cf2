using System.Text.Json;
using Abi.Llm.Grammars;

namespace Abi.Llm.Tests.Grammars;

/// <summary>Each keyword with values that are taken and values that are not; the verdicts are those of python3-jsonschema (draft 2020-12), in the schema's order of properties.</summary>
[Parallelizable]
public sealed class SchemaKeywordTests
{
    [TestCase("{}", "[1,{\"a\":null},\"x\"]", "")]
    [TestCase("true", "-1.5e3", "")]
    [TestCase("""{"type":["integer","null"]}""", "5|null|-3", "1.5|\"a\"")]
    [TestCase("""{"enum":[1,"a",null,[1,2],{"k":true}],"type":["string","array","object"]}""", "\"a\"|[1, 2]|{\"k\": true}", "1|null|\"b\"|[2,1]")]
    [TestCase("""{"enum":[1,5,9],"minimum":4,"multipleOf":3}""", "9", "1|5")]
    [TestCase("""{"const":"a\"b"}""", "\"a\\\"b\"", "\"ab\"")]
    [TestCase("""{"type":"integer","minimum":-105,"maximum":2340}""", "-105|-99|0|7|999|2340", "-106|2341|9999|-0.5")]
    [TestCase("""{"type":"integer","exclusiveMinimum":9.5,"exclusiveMaximum":100}""", "10|99", "9|100")]
    [TestCase("""{"type":"integer","minimum":1e3}""", "1000|123456", "999|0|-5")]
    [TestCase("""{"type":"number","minimum":-1.25,"maximum":2.5}""", "-1.25|-1.249|0|0.1|2.5|2.50|2|-1", "-1.26|2.51|3|-2|2.500001")]
    [TestCase("""{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":0.05}""", "0.01|0.049|0.0001", "0|0.05|0.0|0.050|1|0.1")]
    [TestCase("""{"type":"number","minimum":10.5}""", "10.5|10.51|11|200", "10.49|10|9|-11")]
    [TestCase("""{"type":"number","maximum":-3}""", "-3|-3.0|-3.5|-20", "-2.9|0|3")]
    [TestCase("""{"type":"integer","multipleOf":7,"minimum":-20,"maximum":100}""", "-14|0|98|49", "99|1|-21|105")]
    [TestCase("""{"type":"number","multipleOf":0.25}""", "0.25|1|1.5|-2.75|10.50", "0.3|0.126")]
    [TestCase("""{"type":"string","minLength":2,"maxLength":3}""", "\"ab\"|\"äöü\"|\"\\u0041\\n\"|\"\\ud83d\\ude00x\"", "\"a\"|\"abcd\"|\"\\ud83d\\ude00\"")]
    [TestCase("""{"type":"string","pattern":"b+$"}""", "\"b\"|\"aabb\"|\"\\u0062\"", "\"ba\"|\"\"")]
    [TestCase("""{"type":"string","pattern":"^a","maxLength":3}""", "\"a\"|\"abc\"", "\"abcd\"|\"ba\"")]
    [TestCase("""{"allOf":[{"type":"string","pattern":"a"},{"pattern":"b"}]}""", "\"ab\"|\"xbxa\"", "\"aa\"|\"b\"")]
    [TestCase("""{"type":"string","format":"date"}""", "\"2024-02-29\"|\"1999-12-31\"", "\"2023-02-29\"|\"2024-13-01\"|\"2024-1-1\"")]
    [TestCase("""{"type":"string","format":"date-time"}""", "\"2024-02-29T23:59:59Z\"|\"2024-02-29T23:59:59.123+02:00\"", "\"2024-02-29 23:59:59\"|\"2024-02-29T24:00:00Z\"")]
    [TestCase("""{"type":"string","format":"uuid"}""", "\"123e4567-e89b-12d3-a456-426614174000\"", "\"123e4567\"")]
    [TestCase("""{"type":"string","format":"ipv4"}""", "\"192.168.0.255\"", "\"256.1.1.1\"|\"1.2.3\"")]
    [TestCase("""{"type":"string","format":"ipv6"}""", "\"::1\"|\"2001:db8::8a2e:370:7334\"", "\"12345::\"|\"1:2\"")]
    [TestCase("""{"type":"string","format":"email"}""", "\"a.b@c.example\"", "\"a@\"|\"b\"")]
    [TestCase("""{"type":"string","format":"password"}""", "\"a\"|\"\"", "1|null")]
    [TestCase("""{"type":"string","format":"uri"}""", "\"https://a.example/x?y=1#z\"", "\"a b\"|\"x\"")]
    [TestCase("""{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3}""", "[1]|[1,2,3]|[1, 2]", "[]|[1,2,3,4]|[\"a\"]")]
    [TestCase("""{"type":"array","minItems":2,"items":{"type":"null"},"maxItems":100000}""", "[null,null]", "[null]")]
    [TestCase("""{"type":"array","prefixItems":[{"type":"string"},{"type":"integer"}],"items":{"type":"null"}}""", "[]|[\"a\"]|[\"a\",1]|[\"a\",1,null,null]", "[1]|[\"a\",1,2]")]
    [TestCase("""{"items":[{"const":1}],"additionalItems":false,"type":"array"}""", "[]|[1]", "[2]|[1,1]")]
    [TestCase("""{"type":"array","items":{"type":["integer","string"]},"contains":{"const":"x"},"maxItems":3}""", "[\"x\"]|[1,\"x\",2]", "[]|[1,2,3]|[\"y\"]")]
    [TestCase("""{"type":"array","items":{"type":"integer"},"contains":{"type":"integer","minimum":5},"minContains":1,"maxContains":2}""", "[7]|[1,7,2,8]", "[1]|[5,6,7]")]
    [TestCase("""{"type":"array","items":{"enum":["a","b",1]},"uniqueItems":true,"minItems":2}""", "[\"a\",1]|[1,\"b\",\"a\"]", "[1]|[1,1]|[\"a\",\"b\",\"a\"]")]
    [TestCase("""{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["b"]}""", "{\"b\":\"x\"}|{\"a\": 1, \"b\": \"x\"}", "{}|{\"a\":1}|{\"a\":\"x\",\"b\":\"y\"}")]
    [TestCase("""{"type":"object","properties":{"a":false,"b":{}},"required":["b"]}""", "{\"b\":1}", "{\"a\":1,\"b\":1}")]
    [TestCase("""{"type":"object","additionalProperties":{"type":"integer"}}""", "{}|{\"x\":1,\"y\":2}", "{\"x\":\"a\"}")]
    [TestCase("""{"type":"object","properties":{"k":{"type":"integer"}},"additionalProperties":{"type":"string"}}""", "{\"k\":1,\"kk\":\"a\",\"\":\"b\"}", "{\"kk\":1}|{\"k\":\"a\"}|{\"\\u006b\":\"a\"}")]
    [TestCase("""{"type":"object","patternProperties":{"^n_":{"type":"integer"},"_s$":{"minimum":5}},"additionalProperties":false}""", "{\"n_a\":1}|{\"n_s\":5}|{\"x_s\":\"t\"}", "{\"n_a\":\"x\"}|{\"n_s\":4}|{\"x\":1}")]
    [TestCase("""{"type":"object","propertyNames":{"pattern":"^[a-c]+$"},"additionalProperties":{"const":1}}""", "{\"ab\":1}|{}", "{\"d\":1}")]
    [TestCase("""{"type":"object","minProperties":1,"maxProperties":2,"properties":{"a":{},"b":{},"c":{}}}""", "{\"a\":1}|{\"b\":1,\"c\":2}", "{}|{\"a\":1,\"b\":1,\"c\":1}")]
    [TestCase("""{"type":"object","properties":{"a":{},"b":{},"c":{}},"dependentRequired":{"a":["b"]}}""", "{}|{\"b\":1}|{\"a\":1,\"b\":1}|{\"c\":1}", "{\"a\":1}|{\"a\":1,\"c\":1}")]
    [TestCase("""{"type":"object","properties":{"a":{},"b":{}},"dependentSchemas":{"a":{"properties":{"b":{"type":"integer"}},"required":["b"]}}}""", "{\"b\":\"x\"}|{\"a\":1,\"b\":1}", "{\"a\":1}|{\"a\":1,\"b\":\"x\"}")]
    [TestCase("""{"anyOf":[{"type":"integer"},{"type":"string","maxLength":1}]}""", "1|\"a\"", "\"ab\"|null")]
    [TestCase("""{"oneOf":[{"type":"integer","minimum":0},{"type":"integer","maximum":10}]}""", "11|-1", "0|10|5")]
    [TestCase("""{"oneOf":[{"properties":{"k":{"const":"a"},"v":{"type":"integer"}},"required":["k","v"],"type":"object"},{"properties":{"k":{"const":"b"},"v":{"type":"string"}},"required":["k","v"],"type":"object"}]}""", "{\"k\":\"a\",\"v\":1}|{\"k\":\"b\",\"v\":\"x\"}", "{\"k\":\"a\",\"v\":\"x\"}|{\"k\":\"c\",\"v\":1}")]
    [TestCase("""{"allOf":[{"properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"a":{"minimum":3},"b":{}}}],"type":"object"}""", "{\"a\":3}|{\"a\":4,\"b\":0}", "{\"a\":2}|{\"b\":1}")]
    [TestCase("""{"type":["string","boolean","integer"],"not":{"enum":["a",true,3]}}""", "\"b\"|\"aa\"|false|4|2", "\"a\"|true|3")]
    [TestCase("""{"type":"string","not":{"pattern":"^x"}}""", "\"ax\"|\"\"", "\"x\"|\"xa\"")]
    [TestCase("""{"type":"object","properties":{"t":{"enum":["i","s"]},"v":{}},"required":["t","v"],"if":{"properties":{"t":{"const":"i"}}},"then":{"properties":{"v":{"type":"integer"}}},"else":{"properties":{"v":{"type":"string"}}}}""", "{\"t\":\"i\",\"v\":1}|{\"t\":\"s\",\"v\":\"x\"}", "{\"t\":\"i\",\"v\":\"x\"}|{\"t\":\"s\",\"v\":1}")]
    [TestCase("""{"$defs":{"p":{"$anchor":"pos","type":"integer","minimum":1}},"type":"array","items":{"$ref":"#pos"}}""", "[1,2]", "[0]")]
    [TestCase("""{"$id":"https://a.example/root","$defs":{"p":{"$id":"item","type":"integer"}},"$ref":"item"}""", "1", "\"x\"")]
    [TestCase("""{"definitions":{"tree":{"type":"object","properties":{"c":{"type":"array","items":{"$ref":"#/definitions/tree"}}},"required":["c"]}},"$ref":"#/definitions/tree"}""", "{\"c\":[]}|{\"c\":[{\"c\":[]},{\"c\":[{\"c\":[]}]}]}", "{}|{\"c\":[{}]}")]
    [TestCase("""{"type":"object","allOf":[{"properties":{"a":{"const":1}}}],"properties":{"b":{"const":2}},"unevaluatedProperties":false}""", "{\"a\":1,\"b\":2}|{}", "{\"c\":1}")]
    [TestCase("""{"type":"array","prefixItems":[{"const":1}],"unevaluatedItems":{"const":2}}""", "[1]|[1,2,2]", "[1,1]|[2]")]
    [TestCase("""{"type":"object","properties":{"b":{}},"not":{"properties":{"a":{"const":1}}},"unevaluatedProperties":{"const":2}}""", "{\"a\":2}|{\"b\":0,\"a\":2}", "{\"a\":3}|{\"a\":1}")]
    [TestCase("""{"type":"object","properties":{"v":{}},"if":{"properties":{"t":{"const":"i"}}},"unevaluatedProperties":{"type":"null"}}""", "{\"t\":\"i\"}|{\"t\":null}|{\"v\":1}", "{\"t\":\"s\"}|{\"t\":1}")]
    [TestCase("""{"type":"object","oneOf":[{"properties":{"a":{"type":"integer"}}},{"properties":{"b":{"type":"integer"}}}],"unevaluatedProperties":{"type":"null"}}""", "{\"a\":1,\"b\":null}", "{\"a\":1,\"b\":\"x\"}|{\"a\":1,\"b\":1}")]
    [TestCase("""{"type":"array","not":{"not":{"items":{"type":"integer"}}},"unevaluatedItems":{"minimum":5}}""", "[]|[5]", "[4]|[\"a\"]")]
    [TestCase("""{"type":"object","not":{"not":{"properties":{"a":{"const":1}},"unevaluatedProperties":false}}}""", "{\"a\":1}|{}", "{\"b\":1}|{\"a\":2}")]
    [TestCase("""{"type":"object","not":{"properties":{"a":true,"b":{"const":1}}}}""", "{\"b\":2}", "{\"b\":1}|{\"a\":1}")]
    [TestCase("""{"oneOf":[{"type":"array","maxItems":2},{"if":{"type":"array","contains":{"const":1}},"then":false}]}""", "3", "[2]")]
    [TestCase("""{"oneOf":[{"type":"object","required":["a","b"],"properties":{"a":{},"b":{}}},{"anyOf":[{"properties":{"a":{}},"required":["a"]},{"properties":{"b":{}},"required":["b"]}],"unevaluatedProperties":false}]}""", "{\"a\":1}|{\"b\":1}", "{\"a\":1,\"b\":1}")]
    [TestCase("""{"$defs":{"base":{"type":"object","properties":{"next":{"type":["object","null"]}},"required":["next"]},"list":{"allOf":[{"$ref":"#/$defs/base"}],"properties":{"next":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/list"}]}}}},"$ref":"#/$defs/list"}""", "{\"next\":null}|{\"next\":{\"next\":{\"next\":null}}}", "{}|{\"next\":{}}")]
    [TestCase("""{"title":"t","description":"d","default":1,"examples":[1],"$comment":"c","deprecated":true,"type":"integer"}""", "1", "\"a\"")]
    public void ValuesHaveTheValidatorsVerdicts(string schema, string valid, string invalid)
    {
        var grammar = Grammar.FromJsonSchema(schema);
        var validator = new SchemaValidator(JsonDocument.Parse(schema).RootElement);
        foreach (var text in valid.Split('|', StringSplitOptions.RemoveEmptyEntries))
        {
            Assert.That(GrammarTesting.Accepts(grammar, text), $"{text} is valid");
        }

        foreach (var text in invalid.Split('|', StringSplitOptions.RemoveEmptyEntries))
        {
            Assert.That(GrammarTesting.Accepts(grammar, text), Is.False, $"{text} is not valid");
        }

        var random = new Random(1);
        for (var i = 0; i < 3; i++)
        {
            var state = grammar.Start(GrammarTesting.StoriesTokenizer());
            var text = GrammarTesting.Sample(grammar, GrammarTesting.StoriesTokenizer(), random, state.TokensToComplete + 20);
            if (!schema.Contains("$anchor", StringComparison.Ordinal) && !schema.Contains("$id", StringComparison.Ordinal) && !schema.Contains("additionalItems", StringComparison.Ordinal) && !schema.Contains("unevaluatedItems", StringComparison.Ordinal))
            {
                Assert.That(validator.Validate(JsonDocument.Parse(text).RootElement), Is.Empty, text);
            }
        }
    }

    [TestCase("""{"type":"array","uniqueItems":true}""", "uniqueItems")]
    [TestCase("""{"$dynamicRef":"#x"}""", "$dynamicRef")]
    [TestCase("""{"$ref":"https://elsewhere.example/schema"}""", "not in the schema")]
    [TestCase("""{"$ref":"#/$defs/none"}""", "no '$defs'")]
    [TestCase("""{"$ref":"#"}""", "refers to itself")]
    [TestCase("""{"type":"string","format":"regex"}""", "'regex'")]
    [TestCase("""{"type":"string","pattern":"(?=a)"}""", "Look-ahead")]
    [TestCase("""{"type":"number","multipleOf":0.123456}""", "multipleOf")]
    [TestCase("""{"type":"strang"}""", "'type'")]
    [TestCase("""{"minLength":-1}""", "minLength")]
    [TestCase("""{"oneOf":[{"type":"string"},{"type":"string"}]}""", "oneOf")]
    [TestCase("""{"allOf":[]}""", "allOf")]
    [TestCase("""{"type":"array","contains":{"const":1},"allOf":[{"contains":{"const":2}}]}""", "contains")]
    [TestCase("""[1]""", "array")]
    [TestCase("""{"type":""", "not JSON")]
    public void WhatCannotBeHonouredIsRefusedByName(string schema, string message)
    {
        var exception = Assert.Throws<GrammarException>(() => Grammar.FromJsonSchema(schema))!;
        Assert.That(exception.Message, Does.Contain(message));
    }

    [TestCase("false")]
    [TestCase("""{"type":"integer","minimum":5,"maximum":4}""")]
    [TestCase("""{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}""")]
    [TestCase("""{"type":"object","properties":{"a":{"$ref":"#"}},"allOf":[{"properties":{"a":{"minProperties":1}},"required":["a"]}]}""")]
    public void SchemasWithoutValuesAreRefused(string schema) =>
        Assert.That(() => Grammar.FromJsonSchema(schema).Start(GrammarTesting.StoriesTokenizer()), Throws.InstanceOf<GrammarException>());

    [Test]
    public void HostileSchemasEndInTime()
    {
        static string List(int count, Func<int, string> item) => string.Join(',', Enumerable.Range(0, count).Select(item));
        static string Repeat(int count, string item) => List(count, _ => item);
        var ways = $"{{\"type\":\"object\",\"anyOf\":[{List(1900, i => $"{{\"required\":[\"w{i}\"]}}")}]}}";
        string[] schemas =
        [
            string.Concat(Enumerable.Repeat("{\"items\":", 5000)) + "{}" + new string('}', 5000),
            "{\"allOf\":[" + string.Join(',', Enumerable.Range(0, 14).Select(i => $"{{\"anyOf\":[{{\"properties\":{{\"a{i}\":{{\"const\":1}}}}}},{{\"properties\":{{\"b{i}\":{{\"const\":2}}}}}}]}}")) + "]}",
            """{"type":"string","pattern":"(a|aa)*(b|[ab]{1,300}){1,300}$"}""",
            """{"type":"string","pattern":"[ab]*a[ab]{30}"}""",
            "{\"$defs\":{" + string.Join(',', Enumerable.Range(0, 3000).Select(i => $"\"d{i}\":{{\"$ref\":\"#/$defs/d{i + 1}\"}}")) + ",\"d3000\":{}},\"$ref\":\"#/$defs/d0\"}",
            "{\"type\":\"object\",\"properties\":{" + string.Join(',', Enumerable.Range(0, 2000).Select(i => $"\"p{i}\":{{\"type\":\"integer\"}}")) + "}}",
            """{"type":"string","minLength":1000000,"maxLength":9999999}""",
            $"{{\"oneOf\":[{Repeat(300_000, "false")}]}}",
            $"{{\"allOf\":[{ways},{{\"anyOf\":[{Repeat(300_000, "true")}]}}]}}",
            $"{{\"allOf\":[{ways},{{\"not\":{{\"required\":[{List(100_000, i => $"\"r{i}\"")}]}}}}]}}",
            $"{{\"allOf\":[{ways},{{\"not\":{{\"properties\":{{{List(50_000, i => $"\"p{i}\":{{\"const\":1}}")}}}}}}}]}}",
            $"{{\"properties\":{{{List(20_000, i => $"\"p{i}\":{{}}")}}},\"allOf\":[{ways}],\"unevaluatedProperties\":false}}",
            $"{{\"type\":\"object\",\"required\":[{List(1000, i => $"\"p{i}\"")}],\"allOf\":[{Repeat(1000, "{\"patternProperties\":{\"^q\":{},\"z$\":{}}}")}]}}",
            $"{{\"type\":\"object\",\"required\":[{List(1000, i => $"\"p{i}\"")}],\"allOf\":[{Repeat(1000, "{\"additionalProperties\":{\"type\":\"integer\"}}")}]}}",
            $"{{\"type\":\"object\",\"properties\":{{{List(40_000, i => $"\"p{i}\":{{}}")}}},\"allOf\":[{Repeat(3000, "{\"additionalProperties\":{\"type\":\"integer\"}}")}]}}",
        ];
        foreach (var schema in schemas)
        {
            var task = Task.Run(() =>
            {
                try
                {
                    GrammarTesting.Allowed(Grammar.FromJsonSchema(schema).Start(GrammarTesting.StoriesTokenizer()));
                }
                catch (GrammarException)
                {
                }
            });
            Assert.That(task.Wait(TimeSpan.FromSeconds(20)), schema[..Math.Min(80, schema.Length)]);
        }
    }

    [Test]
    public void CompactJsonHasNoWhiteSpace()
    {
        var grammar = Grammar.FromJsonSchema("""{"type":"array","items":{"type":"object","properties":{"a":{"const":1}},"required":["a"]}}""", new JsonSchemaOptions { IsCompact = true });
        Assert.That(GrammarTesting.Accepts(grammar, "[{\"a\":1},{\"a\":1}]"));
        Assert.That(GrammarTesting.Accepts(grammar, "[ {\"a\":1}]"), Is.False);
    }
}
