using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Sampling;

namespace Abi.Llm;

/// <summary>
/// The options of the feature Llm: which model, and how it is run. Set by <c>AddLlm</c>, by the section <c>Abi:Llm</c> and by variables <c>ABI_LLM_*</c>; docs/features.md says
/// in which order.
/// </summary>
/// <remarks>Not thread-safe: set once, before the feature starts.</remarks>
public sealed class LlmOptions
{
    /// <summary>
    /// The model: the path of a GGUF file (any part of a split one), or a name. A path that is not absolute is looked for in the working directory, beside the program, and in
    /// <see cref="ModelFolder"/>; a name also as <c>NAME.gguf</c> there and in the folder <c>abi-models</c> beside the program, where packages such as Abi.Models.Stories put theirs.
    /// </summary>
    public string Model { get; set; } = "";

    /// <summary>A folder of models, for <see cref="Model"/>.</summary>
    public string? ModelFolder { get; set; }

    /// <summary>The most tokens of one sequence; unset, the model's own length as far as the memory rule lets it (<see cref="Engine.ContextSizing"/>).</summary>
    public int? ContextLength { get; set; }

    /// <summary>The tokens that all sequences together can hold; unset, by the memory rule. Never less than one context.</summary>
    public int? CacheTokens { get; set; }

    /// <summary>The format of keys, and of values unless <see cref="ValueCacheType"/> says another: F32, F16, Q8_0 or Q4_0.</summary>
    public TensorType CacheType { get; set; } = TensorType.F16;

    /// <summary>The format of values; unset, that of keys.</summary>
    public TensorType? ValueCacheType { get; set; }

    /// <summary>How activations are rounded before they meet weights.</summary>
    public ActivationPrecision Activations { get; set; } = ActivationPrecision.Int8;

    /// <summary>When weights are rearranged for the device.</summary>
    public RepackMode Repack { get; set; } = RepackMode.Lazy;

    /// <summary>Whether the whole file is read while loading, with progress. Off, the pages of the mapped file come when they are first used.</summary>
    public bool Prefetch { get; set; }

    /// <summary>
    /// How many threads of the processor compute: a team of the model's own. Unset, the team that all models of the process share, one thread for each processor that the process may
    /// use. Not together with <see cref="Device"/>. The results are the same bits either way.
    /// </summary>
    public int? Threads { get; set; }

    /// <summary>The most sequences that are computed together; more wait.</summary>
    public int MaximumSequences { get; set; } = 32;

    /// <summary>The most token rows of one step.</summary>
    public int MaximumRows { get; set; } = 512;

    /// <summary>The most prompt rows of a step in which others already generate, so that these do not stall.</summary>
    public int MaximumPromptRowsBesideDecode { get; set; } = 128;

    /// <summary>Whether keys and values of finished texts are kept, as long as there is room, and shared by requests that begin with the same tokens.</summary>
    public bool ReusePrefixes { get; set; } = true;

    /// <summary>For models with recurrent state: with <see cref="ReusePrefixes"/> the state is remembered after every so many tokens, to go on from.</summary>
    public int CheckpointInterval { get; set; } = 256;

    /// <summary>The most requests that may wait to be admitted; a further one is a <see cref="QueueFullException"/>. Unset, any number.</summary>
    public int? QueueLimit { get; set; }

    /// <summary>The most time that any generation may take, waiting included; then it ends with what there is, marked <see cref="FinishReason.TimeLimit"/>. Unset, any time.</summary>
    public TimeSpan? TimeLimit { get; set; }

    /// <summary>The most tokens that any generation may sample, whatever it asks for. Unset, any number.</summary>
    public int? TokenLimit { get; set; }

    /// <summary>How tokens are chosen by generations that do not say how; what is not set in it, as the model's file recommends (<see cref="LanguageModel.RecommendedSampling"/>).</summary>
    public SamplingOptions Sampling { get; set; } = new();

    /// <summary>The most tokens of generations that do not say how many; unset, the model decides, up to the context.</summary>
    public int? MaximumTokens { get; set; }

    /// <summary>What generations do that outgrow the context and do not say what.</summary>
    public ContextFullPolicy ContextFull { get; set; } = ContextFullPolicy.Error;

    /// <summary>The chat template: Jinja text, or the path of a file that holds it. Unset, <see cref="Chat"/>'s, or else the model's own.</summary>
    public string? ChatTemplate { get; set; }

    /// <summary>How the model is used as a chat client. In code only.</summary>
    public Chat.AbiChatClientOptions Chat { get; set; } = new();

    /// <summary>How the model is used as a generator of embeddings. In code only.</summary>
    public Chat.AbiEmbeddingGeneratorOptions Embeddings { get; set; } = new();

    /// <summary>The device that computes; unset, the <see cref="IDevice"/> of the container, else the CPU. In code only. The feature does not dispose of it.</summary>
    public IDevice? Device { get; set; }

    /// <summary>Is told how far loading is. In code only.</summary>
    public IProgress<ModelLoadProgress>? Progress { get; set; }
}
