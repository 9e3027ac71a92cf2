using Abi.Compute.Devices;
using Abi.Llm.Engine;
using Abi.Llm.Gguf;
using Abi.Llm.Models;

namespace Abi.Llm.Hosting;

/// <summary>The memory that a model takes: the mapped file, its state and its scratch.</summary>
internal static class ModelMemory
{
    /// <summary>What a loaded model takes.</summary>
    public static ModelFootprint Of(LanguageModel model)
    {
        var now = model.Engine.Statistics;
        return new ModelFootprint(model.MappedFiles, now.TotalStateBytes + now.ScratchBytes);
    }

    /// <summary>About what a model will take, from its header: the rules of <see cref="ContextSizing"/>, and scratch for a step of all rows.</summary>
    /// <exception cref="AbiException">The file cannot be opened, is broken or not supported.</exception>
    public static ModelFootprint Estimate(string path, EngineOptions options, CancellationToken cancellationToken)
    {
        using var file = GgufFile.Open(path, cancellationToken);
        var definition = ModelDefinition.Create(file);
        var hyperparameters = definition.Hyperparameters;
        var bytesPerToken = ContextSizing.BytesPerToken(definition.State, options.CacheType, options.ValueCacheType ?? options.CacheType);
        var context = ContextSizing.ContextLength(options.ContextLength, hyperparameters.ContextLength, bytesPerToken, file.ByteLength, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
        var tokens = (long)ContextSizing.CacheTokens(options.CacheTokens, context, bytesPerToken) * (definition.Kind == ModelKind.EncoderDecoder ? 2 : 1);
        var slots = ContextSizing.RecurrentSlots(definition.State, options.MaximumSequences) + (options.ReusePrefixes ? ContextSizing.Checkpoints(definition.State) : 0);
        var recurrent = 2 * definition.State.Recurrent.Sum(layer => (long)layer.Floats * sizeof(float)) * slots; // what a step reads, and what it writes
        var width = (4L * hyperparameters.EmbeddingLength) + (2L * hyperparameters.FeedForwardLengths.DefaultIfEmpty().Max());
        var scratch = ((options.MaximumRows * width) + (options.MaximumSequences * (long)hyperparameters.VocabularySize)) * sizeof(float);
        return new ModelFootprint(file.MappedFiles, (Math.Max(tokens, StateStore.PageLength) * bytesPerToken) + recurrent + scratch);
    }
}
