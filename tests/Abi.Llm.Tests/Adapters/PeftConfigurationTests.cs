using Abi.Llm.Adapters;

namespace Abi.Llm.Tests.Adapters;

public sealed class PeftConfigurationTests
{
    /// <summary>As PEFT reads it: a key is a module's whole name or its ending behind a point; the first key that fits counts.</summary>
    [TestCase("""{ "lora_alpha": 16 }""", "model.layers.0.self_attn.q_proj", 2f)]
    [TestCase("""{ "lora_alpha": 16, "alpha_pattern": { "q_proj": 32 } }""", "model.layers.0.self_attn.q_proj", 4f)]
    [TestCase("""{ "lora_alpha": 16, "alpha_pattern": { "proj": 32 } }""", "model.layers.0.self_attn.q_proj", 2f)]
    [TestCase("""{ "lora_alpha": 16, "alpha_pattern": { "_proj": 32, "q_proj": 64, "self_attn.q_proj": 128 } }""", "model.layers.0.self_attn.q_proj", 8f)]
    [TestCase("""{ "lora_alpha": 16, "alpha_pattern": { "layers\\.[0-3]\\..*": 32 } }""", "model.layers.0.self_attn.q_proj", 4f)]
    [TestCase("""{ "lora_alpha": 16, "alpha_pattern": { "layers\\.[0-3]\\..*": 32 } }""", "model.layers.4.self_attn.q_proj", 2f)]
    [TestCase("""{ "lora_alpha": 16, "alpha_pattern": {}, "use_rslora": true }""", "q_proj", 5.656854f)]
    [TestCase("{}", "q_proj", 1f)]
    public void TheScaleIsThatOfTheModule(string configuration, string module, float expected)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, configuration);
            Assert.That(PeftConfiguration.Read(path).Scale(module, 8), Is.EqualTo(expected).Within(1e-6f));
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>An activated adapter counts from its invocation on; applied everywhere it would be another adapter.</summary>
    [Test]
    public void AnActivatedAdapterIsRefused()
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, """{ "lora_alpha": 16, "alora_invocation_tokens": null }""");
            Assert.That(PeftConfiguration.Read(path).Scale("q_proj", 8), Is.EqualTo(2));
            File.WriteAllText(path, """{ "lora_alpha": 16, "alora_invocation_tokens": [1, 2] }""");
            Assert.That(() => PeftConfiguration.Read(path), Throws.TypeOf<UnsupportedModelException>().With.Message.Contains("activated LoRA"));
        }
        finally
        {
            File.Delete(path);
        }
    }
}
