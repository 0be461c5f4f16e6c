namespace Nixl.Sdk;

/// <summary>Orders of well-known engines. Use them in the attributes like any other text.</summary>
#if NIXL_GENERATOR
internal
#else
public
#endif
static class KvOrder
{
    /// <summary>K and V are tensors of their own per layer; tokens outside heads (vLLM FlashAttention per layer, K/V split).</summary>
    public const string SplitNhd = "L P | B N H D";

    /// <summary>K and V are tensors of their own per layer; heads outside tokens.</summary>
    public const string SplitHnd = "L P | B H N D";

    /// <summary>One tensor per layer of the shape [2, B, N, H, D]: the K strip, then the V strip (older vLLM FlashAttention).</summary>
    public const string FlashAttention = "L | P B N H D";

    /// <summary>One tensor per layer of the shape [B, 2, N, H, D] (older vLLM FlashInfer, Triton).</summary>
    public const string FlashInferNhd = "L | B P N H D";

    /// <summary>One tensor per layer of the shape [B, 2, H, N, D].</summary>
    public const string FlashInferHnd = "L | B P H N D";

    /// <summary>One tensor per layer; keys and values of a head and token lie side by side; heads outside tokens.</summary>
    public const string PackedHnd = "L | B H N P D";

    /// <summary>One tensor per layer; keys and values of a head and token lie side by side; tokens outside heads.</summary>
    public const string PackedNhd = "L | B N H P D";

    /// <summary>vLLM's packed orders in one tensor, named by the shape [L, B, H, N, C].</summary>
    public const string PackedLbhnc = "| L B H N P D";

    /// <summary>Packed in one tensor, shape [L, B, N, H, C].</summary>
    public const string PackedLbnhc = "| L B N H P D";

    /// <summary>Packed in one tensor, shape [L, H, B, N, C].</summary>
    public const string PackedLhbnc = "| L H B N P D";

    /// <summary>Packed in one tensor, shape [B, L, H, N, C]: the cross-layer blocks.</summary>
    public const string PackedBlhnc = CrossLayer;

    /// <summary>Packed in one tensor, shape [B, L, N, H, C].</summary>
    public const string PackedBlnhc = CrossLayerNhd;

    /// <summary>Packed in one tensor, shape [B, H, L, N, C].</summary>
    public const string PackedBhlnc = "| B H L N P D";

    /// <summary>All layers of a block lie side by side, heads outside tokens (shape [B, L, H, N, C]).</summary>
    public const string CrossLayer = "| B L H N P D";

    /// <summary>All layers of a block lie side by side, tokens outside heads (shape [B, L, N, H, C]).</summary>
    public const string CrossLayerNhd = "| B L N H P D";

    /// <summary>A TensorRT-LLM pool, shape [B, L, 2, H, N, D].</summary>
    public const string TensorRtLlm = "| B L P H N D";

    /// <summary>One latent per token and layer without heads (MLA).</summary>
    public const string Mla = "L | B N D";

    /// <summary>The latents of all layers of a block lie side by side (MLA, shape [B, L, N, C]).</summary>
    public const string MlaCrossLayer = "| B L N D";

    /// <summary>A TensorRT-LLM pool of latents, shape [B, L, 1, N, C].</summary>
    public const string TensorRtLlmMla = MlaCrossLayer;

    /// <summary>Several components alternate per token, without heads (fp8_ds_mla: latent, scale, rope).</summary>
    public const string MlaAlternating = "L | B N P D";

    /// <summary>Per block all entries of one component, then of the next, without heads (sparse-attention indexer).</summary>
    public const string Indexer = "L | B P N D";

    /// <summary>SGLang's token pools: K and V are tensors of their own per layer, addressed by token slot.</summary>
    public const string TokenPool = "L P | T H D";

    /// <summary>SGLang's MLA token pool.</summary>
    public const string TokenPoolMla = "L | T D";

    /// <summary>An LMCache chunk, shape [2, L, T, H·D], as one block.</summary>
    public const string LmCacheChunk = "| B P L N H D";

    /// <summary>State pages without a token dimension (Mamba, GDN): component after component.</summary>
    public const string State = "L | B P D";
}
