"""The three networks and the noise schedule: every size that decides what pinhole is."""
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from transformers import CLIPTextConfig, CLIPTextModel

SIDE = 64
LATENT_SIDE = 8
LATENT_CHANNELS = 8
# Prompts of the grammar take up to 30 tokens; CLIP's usual 77 would more than double the cost.
MAX_TOKENS = 32
HIDDEN = 128


def make_vae() -> AutoencoderKL:
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        # Light at full resolution, where the pixels are; wide at 8x8, where they are few.
        block_out_channels=(16, 32, 64, 64),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        # Wide groups: normalising few channels at a time would wipe out flat colours.
        norm_num_groups=2,
        latent_channels=LATENT_CHANNELS,
        sample_size=SIDE,
        mid_block_add_attention=False,
    )
    # Begin with hardly any noise on the latents; the default of one sigma drowns them for long.
    torch.nn.init.constant_(vae.quant_conv.bias.data[LATENT_CHANNELS:], -6)
    return vae


def make_text_encoder(tokenizer) -> CLIPTextModel:
    end = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=HIDDEN,
            intermediate_size=4 * HIDDEN,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=MAX_TOKENS,
            projection_dim=HIDDEN,
            bos_token_id=tokenizer.convert_tokens_to_ids("<|startoftext|>"),
            eos_token_id=end,
            pad_token_id=end,
        )
    )


def make_unet() -> UNet2DConditionModel:
    unet = UNet2DConditionModel(
        sample_size=LATENT_SIDE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=(96, 128),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=8,
        cross_attention_dim=HIDDEN,
        # The number of heads, in spite of the name (diffusers keeps it for old checkpoints).
        attention_head_dim=4,
    )
    # Plain matrix products: on a CPU the fused attention's backward pass costs a third of a step.
    unet.set_attn_processor(AttnProcessor())
    return unet


def make_scheduler() -> DDIMScheduler:
    """Linear betas end at an SNR near zero, so the ground colour does not leak into the noise."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=1e-4,
        beta_end=0.02,
        beta_schedule="linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=0,
    )
