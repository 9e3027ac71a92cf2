namespace Abi.Llm.Sessions;

/// <summary>A session as it was at one moment: its tokens, and as much of its computed state as there was.</summary>
/// <param name="Tokens">The tokens, prompts and generated ones.</param>
/// <param name="EncoderTokens">The encoder's tokens, for an encoder-decoder model.</param>
/// <param name="SamplerState">What the samplers remembered, or null.</param>
/// <param name="Cached">How many tokens have state; 0 when none was there.</param>
/// <param name="Groups">The pages of each group; empty when <paramref name="Cached"/> is 0.</param>
/// <param name="Slot">The recurrent state, or null.</param>
internal sealed record SessionSnapshot(int[] Tokens, int[] EncoderTokens, byte[]? SamplerState, int Cached, SessionPages[] Groups, byte[]? Slot);
