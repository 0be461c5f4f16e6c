using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Engine.Tests;

public sealed class ConfigTests : IDisposable
{
    private const string Good = """
        { "model_type": "llama", "hidden_act": "silu", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
          "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 100, "max_position_embeddings": 64, "rope_theta": 500000.0,
          "eos_token_id": [1, 2], "bos_token_id": 3, "tie_word_embeddings": true }
        """;

    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void A_config_is_read_with_the_defaults_of_its_family()
    {
        var config = Read(Good);
        Assert.Equal((64, 128, 2, 8, 2, 8), (config.HiddenSize, config.IntermediateSize, config.Layers, config.Heads, config.KvHeads, config.HeadDim));
        Assert.Equal((500_000, 1e-5f, 3, 4), (config.RopeTheta, config.NormEpsilon, config.BosToken, config.QueriesPerKv));
        Assert.Equal([1, 2], config.EosTokens);
        Assert.True(config.TiedEmbeddings);
    }

    [Fact]
    public void Scaling_is_read_in_both_forms()
    {
        var old = Read(Good.Replace("\"vocab_size\"", """ "rope_scaling": {"rope_type":"llama3","factor":32.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192}, "vocab_size" """, StringComparison.Ordinal));
        Assert.Equal(new RopeScaling("llama3", 32, 1, 4, 8192), old.RopeScaling);
        var recent = Read(Good.Replace("\"rope_theta\": 500000.0", """ "rope_parameters": {"rope_type":"linear","factor":2.0,"rope_theta":1234.0} """, StringComparison.Ordinal));
        Assert.Equal((1234, "linear"), (recent.RopeTheta, recent.RopeScaling!.Kind));
    }

    [Theory]
    [InlineData("\"llama\"", "\"gpt2\"", "model_type is 'gpt2'")]
    [InlineData("\"silu\"", "\"gelu\"", "hidden_act is 'gelu'")]
    [InlineData("\"hidden_size\": 64,", "", "hidden_size is missing")]
    [InlineData("\"vocab_size\": 100", "\"vocab_size\": -1", "vocab_size is -1")]
    [InlineData("\"vocab_size\": 100", "\"vocab_size\": 9999999999", "vocab_size is 9999999999")]
    [InlineData("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", "must divide")]
    [InlineData("\"bos_token_id\": 3", "\"bos_token_id\": 100", "vocab_size is 100")]
    [InlineData("\"rope_theta\": 500000.0", "\"rope_theta\": 0", "positive number")]
    [InlineData("\"rope_theta\": 500000.0", "\"rope_scaling\": {\"type\":\"yarn\",\"factor\":2}", "'yarn'")]
    [InlineData("\"rope_theta\": 500000.0", "\"attention_bias\": true", "attention_bias")]
    [InlineData("{ \"model_type\"", "[ \"model_type\"", "not valid JSON")]
    public void What_the_engine_cannot_run_is_refused_by_field(string replace, string with, string fault)
    {
        var failure = Assert.Throws<ModelFormatException>(() => Read(Good.Replace(replace, with, StringComparison.Ordinal)));
        Assert.Contains(fault, failure.Message, StringComparison.Ordinal);
        Assert.Contains(_path, failure.Message, StringComparison.Ordinal);
    }

    private LlamaConfig Read(string json)
    {
        File.WriteAllText(_path, json);
        return LlamaConfig.Load(_path);
    }
}
