using System.Collections.Immutable;
using Abi.Compute.Tensors;

#pragma warning disable MA0048 // the vocabulary of graphs reads best on one page

namespace Abi.Compute.Graphs;

/// <summary>Rows of <paramref name="Table"/> [entries, width] by the token ids of the step: [Tokens, width].</summary>
public sealed record Embed(WeightTensor Table, Value Result) : Operation([], Result);

/// <summary>Rows of <paramref name="Table"/> by position plus <paramref name="Offset"/> (learned positions): [Tokens, width].</summary>
public sealed record EmbedPositions(WeightTensor Table, int Offset, Value Result) : Operation([], Result);

/// <summary>Row <paramref name="Row"/> of <paramref name="Table"/> for every token (BERT's token type 0): [Tokens, width].</summary>
public sealed record EmbedConstant(WeightTensor Table, int Row, Value Result) : Operation([], Result);

/// <summary>The rows of <paramref name="X"/> whose output was asked for, in the order of the step's list: [Outputs, width].</summary>
public sealed record SelectOutputs(Value X, Value Result) : Operation([X], Result);

/// <summary>One row for each sequence, made of its token rows: [Sequences, width].</summary>
public sealed record Pool(Value X, PoolingKind Kind, Value Result) : Operation([X], Result);

/// <summary><c>y = x Wᵀ (+ bias)</c> with W [out, in] and bias [out]: [rows, out].</summary>
public sealed record MatMul(Value X, WeightTensor Weight, WeightTensor? Bias, Value Result) : Operation([X], Result);

/// <summary>
/// <c>y + Σ scale (x Aᵀ) Bᵀ</c> over the adapters that each row's sequence has for <paramref name="Weight"/> (paper: Hu et al. 2021): [rows, out]. Y is the product of X with the weight;
/// rows of sequences without adapters pass unchanged.
/// </summary>
public sealed record Adapt(Value X, Value Y, WeightTensor Weight, Value Result) : Operation([X, Y], Result);

/// <summary>
/// The same for experts: <c>y + Σ scale (x A[e]ᵀ) B[e]ᵀ</c> for each part of a row, e being the expert of the route that the part belongs to. Y is the product of X with the experts'
/// matrices; shapes as for <see cref="ExpertMatMul"/>.
/// </summary>
public sealed record AdaptExperts(Value X, Value Y, Value Route, WeightTensor Weight, Value Result) : Operation([X, Y, Route], Result);

/// <summary>The same for embeddings: row id of <c>Σ scale B A</c> is added to y, the row of <paramref name="Table"/> by the token's id: [Tokens, width].</summary>
public sealed record AdaptEmbedding(Value Y, WeightTensor Table, Value Result) : Operation([Y], Result);

/// <summary>Calls the hooks that sequences of the step have for a point, which may change its value in place: rows of token or output space.</summary>
public sealed record Hook(GraphPoint Point) : Operation([Point.Value], null);

/// <summary>
/// A matrix of its own for each group of columns: x is [rows, groups × in] or, shared by all groups, [rows, in]; W is [groups, out, in] (GGUF shape
/// [in, out, groups]); the result is [rows, groups × out].
/// </summary>
public sealed record GroupedMatMul(Value X, WeightTensor Weight, Value Result) : Operation([X], Result);

/// <summary>
/// Picks the experts of each row from its router logits [rows, experts] (paper: Shazeer et al. 2017 and the models' own): the result is
/// [rows, 2 × Used]: first the indices of the chosen experts as whole floats, by falling score, then their weights.
/// </summary>
public sealed record Route(Value Logits, RouteSettings Settings, Value Result) : Operation([Logits], Result);

/// <summary>
/// The products of each row with the matrices of its chosen experts: x is [rows, in] (the same for all) or [rows, Used × in]; W is [experts, out, in],
/// bias [experts, out]; the result is [rows, Used × out], in the order of the route.
/// </summary>
public sealed record ExpertMatMul(Value X, Value Route, WeightTensor Weight, WeightTensor? Bias, Value Result) : Operation([X, Route], Result);

/// <summary>Multiplies each expert's part of x [rows, Used × width] by the weight of the route: [rows, Used × width]; with x [rows, width], by copies of x.</summary>
public sealed record ExpertScale(Value X, Value Route, Value Result) : Operation([X, Route], Result);

/// <summary>
/// Sums the experts' parts of x [rows, Used × width] in the order of the route, each times its weight when <paramref name="Weighted"/>, and times
/// <paramref name="Scales"/>[expert] when given: [rows, width].
/// </summary>
public sealed record ExpertSum(Value X, Value Route, bool Weighted, WeightTensor? Scales, Value Result) : Operation([X, Route], Result);

/// <summary>
/// <c>x / sqrt(mean(x²) + ε) × weight (+ bias)</c> over each run of <paramref name="GroupWidth"/> columns; the weight is [GroupWidth] (shared by the groups) or [width],
/// or absent (paper: Zhang and Sennrich 2019).
/// </summary>
public sealed record RmsNorm(Value X, int GroupWidth, float Epsilon, WeightTensor? Weight, WeightTensor? Bias, Value Result) : Operation([X], Result);

/// <summary><c>(x − mean) / sqrt(variance + ε) × weight + bias</c>, biased variance, over each run of <paramref name="GroupWidth"/> columns; weight and bias as for <see cref="RmsNorm"/>.</summary>
public sealed record LayerNorm(Value X, int GroupWidth, float Epsilon, WeightTensor? Weight, WeightTensor? Bias, Value Result) : Operation([X], Result);

/// <summary><c>x / max(‖x‖₂, ε)</c> over each run of <paramref name="GroupWidth"/> columns.</summary>
public sealed record L2Norm(Value X, int GroupWidth, float Epsilon, Value Result) : Operation([X], Result);

/// <summary><c>a + b</c>, of equal widths.</summary>
public sealed record Add(Value A, Value B, Value Result) : Operation([A, B], Result);

/// <summary><c>x + weight</c>, the same weight [width] for every row.</summary>
public sealed record AddWeight(Value X, WeightTensor Weight, Value Result) : Operation([X], Result);

/// <summary><c>a × b</c>; when b is narrower, each of its columns multiplies a run of <c>a.Width / b.Width</c> columns.</summary>
public sealed record Multiply(Value A, Value B, Value Result) : Operation([A, B], Result);

/// <summary><c>x × weight</c>, the same weight [width] for every row; a weight of [1] multiplies every column; a shorter weight is repeated over the runs of its length.</summary>
public sealed record MultiplyWeight(Value X, WeightTensor Weight, Value Result) : Operation([X], Result);

/// <summary><c>x × Factor + Offset</c>.</summary>
public sealed record Scale(Value X, float Factor, float Offset, Value Result) : Operation([X], Result);

/// <summary>A scale that depends on the position p (Llama 4): <c>x × (1 + Factor × ln(1 + floor((p + Offset) / Interval)))</c>.</summary>
public sealed record ScaleByPosition(Value X, float Factor, float Interval, float Offset, Value Result) : Operation([X], Result);

/// <summary><c>min(max(x, Low), High)</c>.</summary>
public sealed record Clamp(Value X, float Low, float High, Value Result) : Operation([X], Result);

/// <summary><c>Cap × tanh(x / Cap)</c>.</summary>
public sealed record SoftCap(Value X, float Cap, Value Result) : Operation([X], Result);

/// <summary><c>f(x)</c>, element by element; <paramref name="Parameters"/> belong to the kind (xIELU and the like) and are empty otherwise.</summary>
public sealed record Activate(Value X, ActivationKind Kind, ImmutableArray<float> Parameters, Value Result) : Operation([X], Result);

/// <summary><c>f(gate) × up</c>, of equal widths.</summary>
public sealed record Gate(Value GateInput, Value Up, GateKind Kind, ImmutableArray<float> Parameters, Value Result) : Operation([GateInput, Up], Result);

/// <summary>Softmax over each run of <paramref name="GroupWidth"/> columns.</summary>
public sealed record Softmax(Value X, int GroupWidth, Value Result) : Operation([X], Result);

/// <summary>Columns [Offset, Offset + Result.Width) of each of <paramref name="Groups"/> equal runs of columns: with one group, a plain slice.</summary>
public sealed record Slice(Value X, int Groups, int Offset, Value Result) : Operation([X], Result);

/// <summary>
/// Joins values run by run: group g of the result is group g of each part in turn. A part whose width is not its share times <paramref name="Groups"/> is given in
/// <paramref name="Shared"/> as true: the whole part is repeated in every group. With one group, a plain concatenation of columns.
/// </summary>
public sealed record Concatenate(ImmutableArray<Value> Parts, int Groups, ImmutableArray<bool> Shared, Value Result) : Operation(Parts, Result);

/// <summary>Each of <paramref name="Groups"/> equal runs of columns <paramref name="Times"/> times: group by group (a a b b) when <paramref name="Interleaved"/>, else the whole row (a b a b).</summary>
public sealed record Repeat(Value X, int Groups, int Times, bool Interleaved, Value Result) : Operation([X], Result);

/// <summary>Rotary position embedding of each run of <c>HeadSize</c> columns by the row's position (paper: Su et al. 2021).</summary>
public sealed record Rope(Value X, RopeSettings Settings, Value Result) : Operation([X], Result);

/// <summary>Writes keys [Tokens, kv heads × key size] and values [Tokens, kv heads × value size] to a layer of the cache at the rows' positions.</summary>
public sealed record Store(Value Keys, Value Values, CacheLayer Layer) : Operation([Keys, Values], null);

/// <summary>
/// Attention of queries [Tokens, heads × key size] over a layer of the cache, as it stands after this step's <see cref="Store"/>:
/// <c>softmax(scale × q kᵀ …) v</c>: [Tokens, heads × value size]. Query head h reads key/value head <c>h / (heads / kv heads)</c>.
/// </summary>
public sealed record Attend(Value Queries, CacheLayer Layer, AttentionSettings Settings, Value Result) : Operation([Queries], Result);

/// <summary>Attention of every token over all tokens of its own sequence in this step, later ones too, without a cache (encoders); shapes as for <see cref="Attend"/>.</summary>
public sealed record AttendWithin(Value Queries, Value Keys, Value Values, int KeyValueHeads, AttentionSettings Settings, Value Result)
    : Operation([Queries, Keys, Values], Result);

/// <summary>
/// A causal convolution of each column by its own kernel: <c>y[t] = Σ_j w[j] x[t − K + 1 + j] (+ bias)</c>; W is [width, K] (GGUF shape [K, width]). The last K − 1 rows
/// of a sequence are its recurrent state: [K − 1, width], zero at the start.
/// </summary>
public sealed record Convolve(Value X, WeightTensor Weight, WeightTensor? Bias, RecurrentLayer Layer, Value Result) : Operation([X], Result);

/// <summary>
/// Mamba's selective scan (paper: Gu and Dao 2023). For channel c and state n: <c>h = exp(Δ_c A[c,n]) h + Δ_c B_n x_c</c>, <c>y_c = Σ_n C_n h (+ D_c x_c)</c>, where Δ is
/// already softplus'ed. x and Δ are [Tokens, inner], B and C [Tokens, states], A is [inner, states] (already negative, as stored), D [inner]. State: [inner, states].
/// </summary>
public sealed record SelectiveScan(Value X, Value Delta, Value B, Value C, WeightTensor A, WeightTensor? D, RecurrentLayer Layer, Value Result)
    : Operation([X, Delta, B, C], Result);

/// <summary>
/// Mamba 2's scan (paper: Dao and Gu 2024): one A and Δ for each head; B and C [Tokens, groups × states] are shared by the heads of a group. x is [Tokens, heads × head size],
/// Δ [Tokens, heads] (softplus'ed), A and D [heads]. State: [heads, head size, states].
/// </summary>
public sealed record HeadScan(Value X, Value Delta, Value B, Value C, WeightTensor A, WeightTensor? D, int Groups, RecurrentLayer Layer, Value Result)
    : Operation([X, Delta, B, C], Result);

/// <summary>The row before each row in its sequence (token shift): row 0 reads the recurrent state [1, width], which becomes the last row.</summary>
public sealed record ShiftRows(Value X, RecurrentLayer Layer, Value Result) : Operation([X], Result);

/// <summary>
/// RWKV's time mixing over heads of <paramref name="HeadSize"/>. Version 6 (paper: Peng et al. 2024): inputs r, k, v, decay w [Tokens, width] and <paramref name="First"/> u [width]:
/// <c>y = r · (S + u k v)</c>, <c>S = w S + k v</c>. State: [heads, head size (key), head size (value)].
/// </summary>
public sealed record Wkv6(Value R, Value K, Value V, Value Decay, WeightTensor First, int HeadSize, RecurrentLayer Layer, Value Result)
    : Operation([R, K, V, Decay], Result);

/// <summary>
/// RWKV 7's generalised delta rule (paper: Peng et al. 2025): <c>S = S diag(w) + (S a) bᵀ + v kᵀ</c>, <c>y = S r</c>; all inputs [Tokens, width]. State: [heads, head size (value), head size (key)].
/// </summary>
public sealed record Wkv7(Value R, Value Decay, Value K, Value V, Value A, Value B, int HeadSize, RecurrentLayer Layer, Value Result)
    : Operation([R, Decay, K, V, A, B], Result);

/// <summary>
/// Gated delta rule (paper: Yang et al. 2024): for each head <c>S = exp(g) S</c>, <c>S += k (β (v − Sᵀ k))ᵀ</c>, <c>y = Sᵀ (scale q)</c>. q and k are [Tokens, heads × key size], v [Tokens, heads × value size],
/// gate [Tokens, heads] or, one for each key column, [Tokens, heads × key size], β [Tokens, heads] (already a sigmoid). State: [heads, key size, value size].
/// </summary>
public sealed record DeltaScan(Value Q, Value K, Value V, Value LogDecay, Value Beta, int Heads, float QueryScale, RecurrentLayer Layer, Value Result)
    : Operation([Q, K, V, LogDecay, Beta], Result);

/// <summary>
/// Gated linear attention over heads of <paramref name="HeadSize"/> (paper: Yang et al. 2023): <c>S = diag(decay) S + k vᵀ</c>, <c>y = Sᵀ (scale q)</c>; inputs [Tokens, width]. State: [heads, head size (key), head size (value)].
/// </summary>
public sealed record GatedLinearScan(Value Q, Value K, Value V, Value Decay, int HeadSize, float QueryScale, RecurrentLayer Layer, Value Result)
    : Operation([Q, K, V, Decay], Result);
