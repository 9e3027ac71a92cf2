using System.Globalization;
using System.Text.RegularExpressions;

namespace Abi.Llm.Adapters;

/// <summary>The names that GGUF files give to the modules of Hugging Face's models.</summary>
internal static partial class PeftNames
{
    private static readonly Dictionary<string, string> BlockModules = new(StringComparer.Ordinal)
    {
        ["self_attn.q_proj"] = "attn_q",
        ["self_attn.k_proj"] = "attn_k",
        ["self_attn.v_proj"] = "attn_v",
        ["self_attn.o_proj"] = "attn_output",
        ["self_attn.out_proj"] = "attn_output",
        ["self_attn.dense"] = "attn_output",
        ["self_attn.qkv_proj"] = "attn_qkv",
        ["self_attn.query_key_value"] = "attn_qkv",
        ["self_attention.query_key_value"] = "attn_qkv",
        ["self_attention.dense"] = "attn_output",
        ["attention.query_key_value"] = "attn_qkv",
        ["attention.dense"] = "attn_output",
        ["attention.wqkv"] = "attn_qkv",
        ["attention.wo"] = "attn_output",
        ["attn.c_attn"] = "attn_qkv",
        ["attn.c_proj"] = "attn_output",
        ["mlp.gate_proj"] = "ffn_gate",
        ["mlp.up_proj"] = "ffn_up",
        ["mlp.down_proj"] = "ffn_down",
        ["mlp.gate_up_proj"] = "ffn_up",
        ["mlp.fc1"] = "ffn_up",
        ["mlp.fc2"] = "ffn_down",
        ["mlp.c_fc"] = "ffn_up",
        ["mlp.c_proj"] = "ffn_down",
        ["mlp.dense_h_to_4h"] = "ffn_up",
        ["mlp.dense_4h_to_h"] = "ffn_down",
        ["feed_forward.w1"] = "ffn_gate",
        ["feed_forward.w3"] = "ffn_up",
        ["feed_forward.w2"] = "ffn_down",
        ["mixer.in_proj"] = "ssm_in",
        ["mixer.x_proj"] = "ssm_x",
        ["mixer.dt_proj"] = "ssm_dt",
        ["mixer.out_proj"] = "ssm_out",
        ["block_sparse_moe.gate"] = "ffn_gate_inp",
        ["mlp.gate"] = "ffn_gate_inp",
        ["mlp.shared_expert_gate"] = "ffn_gate_inp_shexp",
        ["mlp.shared_expert.gate_proj"] = "ffn_gate_shexp",
        ["mlp.shared_expert.up_proj"] = "ffn_up_shexp",
        ["mlp.shared_expert.down_proj"] = "ffn_down_shexp",
        ["mlp.shared_experts.gate_proj"] = "ffn_gate_shexp",
        ["mlp.shared_experts.up_proj"] = "ffn_up_shexp",
        ["mlp.shared_experts.down_proj"] = "ffn_down_shexp",
    };

    /// <summary>Modules of one expert, whose matrices GGUF files stack.</summary>
    private static readonly Dictionary<string, string> ExpertModules = new(StringComparer.Ordinal)
    {
        ["gate_proj"] = "ffn_gate_exps",
        ["up_proj"] = "ffn_up_exps",
        ["down_proj"] = "ffn_down_exps",
        ["w1"] = "ffn_gate_exps",
        ["w3"] = "ffn_up_exps",
        ["w2"] = "ffn_down_exps",
    };

    /// <summary>Architectures whose conversion to GGUF reorders the rows of queries and keys, since their files rotate neighbouring columns and the originals halves.</summary>
    private static readonly HashSet<string> Reordered = new(StringComparer.Ordinal) { "llama", "arcee", "arctic", "baichuan", "deci", "deepseek", "granite", "granitehybrid", "granitemoe", "internlm2", "minicpm", "mistral3", "muse-glimmer", "nanbeige", "olmo", "smollm3", "xverse" };

    /// <summary>
    /// The GGUF name of a module (<c>model.layers.3.self_attn.q_proj</c> → <c>blk.3.attn_q.weight</c>) and which of its experts the module is, 0 where there are none; null when it has no name.
    /// </summary>
    public static (string Name, int Expert)? Find(string module)
    {
        if (module is "lm_head" or "embed_out" or "model.lm_head")
        {
            return ("output.weight", 0);
        }

        if (Embeddings().IsMatch(module))
        {
            return (AdapterTargets.Embeddings, 0);
        }

        var match = BlockModule().Match(module);
        var (expert, modules, part) = (0, BlockModules, match.Groups["module"].Value);
        if (ExpertModule().Match(part) is { Success: true } own)
        {
            (expert, modules, part) = (int.Parse(own.Groups["expert"].Value, CultureInfo.InvariantCulture), ExpertModules, own.Groups["module"].Value);
        }

        return match.Success && modules.TryGetValue(part, out var name)
            ? (string.Create(CultureInfo.InvariantCulture, $"blk.{match.Groups["block"].Value}.{name}.weight"), expert)
            : null;
    }

    /// <summary>Whether a matrix's rows are reordered for the architecture.</summary>
    public static bool IsReordered(string architecture, string name) =>
        Reordered.Contains(architecture) && (name.EndsWith(".attn_q.weight", StringComparison.Ordinal) || name.EndsWith(".attn_k.weight", StringComparison.Ordinal));

    [GeneratedRegex(@"(?:^|\.)(?:layers|h|blocks|layer)\.(?<block>\d{1,6})\.(?<module>.+)$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex BlockModule();

    [GeneratedRegex(@"^(?:mlp|block_sparse_moe)\.experts\.(?<expert>[0-9]{1,6})\.(?<module>.+)$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ExpertModule();

    [GeneratedRegex(@"(?:^|\.)(?:embed_tokens|wte|embed_in|word_embeddings)$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Embeddings();
}
